//! No file of src/ may depend on one that depends on it, by whatever way round: a circle has no first file to read, and
//! nothing in it can be moved or tested alone. Reads every `use` and every path, follows re-exports to the file that
//! defines a name, and tells each circle with the names that tie it. Tests within a file may reach further.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::Path,
};

use syn::{Attribute, Item, ItemUse, UseTree, visit::Visit};

use crate::{
    architecture::{is_test_file, sources},
    stage::repository,
};

/// `["plan", "check", "steps"]`; empty for the root.
type Module = Vec<String>;

/// A name brought in from elsewhere: `None` for all names there.
struct Import {
    path: Vec<String>,
    name: Option<String>,
}

#[derive(Default)]
struct File {
    defines: BTreeSet<String>,
    imports: Vec<Import>,
    /// Paths of two segments or more in its code.
    paths: BTreeSet<Vec<String>>,
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

fn imported(tree: &UseTree, before: &[String], into: &mut Vec<Import>) {
    let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
    match tree {
        UseTree::Path(path) => imported(&path.tree, &with(&path.ident), into),
        UseTree::Group(group) => group.items.iter().for_each(|tree| imported(tree, before, into)),
        UseTree::Glob(_) => into.push(Import { path: before.to_vec(), name: None }),
        UseTree::Name(name) if name.ident == "self" => {
            into.push(Import { path: before.to_vec(), name: before.last().cloned() });
        }
        UseTree::Name(name) => {
            into.push(Import { path: with(&name.ident), name: Some(name.ident.to_string()) });
        }
        UseTree::Rename(name) => {
            into.push(Import { path: with(&name.ident), name: Some(name.rename.to_string()) });
        }
    }
}

impl<'ast> Visit<'ast> for File {
    fn visit_item(&mut self, item: &'ast Item) {
        let (name, attributes) = match item {
            Item::Const(item) => (Some(&item.ident), &item.attrs),
            Item::Enum(item) => (Some(&item.ident), &item.attrs),
            Item::Fn(item) => (Some(&item.sig.ident), &item.attrs),
            Item::Macro(item) => (item.ident.as_ref(), &item.attrs),
            Item::Mod(item) => (None, &item.attrs),
            Item::Static(item) => (Some(&item.ident), &item.attrs),
            Item::Struct(item) => (Some(&item.ident), &item.attrs),
            Item::Trait(item) => (Some(&item.ident), &item.attrs),
            Item::Type(item) => (Some(&item.ident), &item.attrs),
            Item::Impl(item) => (None, &item.attrs),
            _ => return syn::visit::visit_item(self, item),
        };
        if !is_test(attributes) {
            self.defines.extend(name.map(ToString::to_string));
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        imported(&item.tree, &[], &mut self.imports);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.paths.insert(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        let text = called.tokens.to_string().replace(" :: ", "::");
        let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
        let paths = words.map(|word| word.split("::").map(str::to_owned).collect::<Vec<_>>());
        self.paths.extend(paths.filter(|path| path.len() > 1));
        syn::visit::visit_macro(self, called);
    }
}

struct Tree(BTreeMap<Module, File>);

impl Tree {
    fn read() -> Self {
        let root = repository().join("src");
        let mut paths = Vec::new();
        sources(&root, &mut paths);
        paths.retain(|path| !is_test_file(path) && !path.ends_with("src/main.rs"));
        let read = |path: &std::path::PathBuf| {
            let mut file = File::default();
            file.visit_file(&syn::parse_file(&std::fs::read_to_string(path).unwrap()).unwrap());
            let name = path.strip_prefix(&root).unwrap().with_extension("");
            let mut module: Module =
                name.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            module.pop_if(|last| last == "mod" || last == "lib");
            (module, file)
        };
        Self(paths.iter().map(read).collect())
    }

    /// Whether a module is only a list of others.
    fn is_folder(&self, module: &Module) -> bool {
        self.0.keys().any(|other| other.len() > module.len() && other.starts_with(module))
    }

    /// The module in which what a path names is defined; nothing for what is no part of the crate.
    fn home(&self, from: &Module, path: &[String], depth: usize) -> Option<Module> {
        let (first, rest) = path.split_first().filter(|_| depth < 9)?;
        let start = match first.as_str() {
            "crate" => Module::new(),
            "self" => from.clone(),
            "super" => from.split_last()?.1.to_vec(),
            name => {
                let child = [from.as_slice(), &[name.to_owned()]].concat();
                if !self.0.contains_key(&child) {
                    let brings = |import: &&Import| import.name.as_deref() == Some(name);
                    let import = self.0.get(from)?.imports.iter().find(brings)?;
                    // A crate of this name, or a name that is brought in under itself.
                    if import.path.len() == 1 {
                        return None;
                    }
                    let path = [import.path.as_slice(), rest].concat();
                    return self.home(from, &path, depth + 1);
                }
                child
            }
        };
        self.within(start, rest, depth)
    }

    fn within(&self, mut at: Module, mut rest: &[String], depth: usize) -> Option<Module> {
        while let Some((name, after)) = rest.split_first() {
            let child = [at.as_slice(), std::slice::from_ref(name)].concat();
            if name == "super" {
                at.pop();
            } else if self.0.contains_key(&child) {
                at = child;
            } else {
                return self.definer(&at, name, depth);
            }
            rest = after;
        }
        Some(at)
    }

    fn definer(&self, module: &Module, name: &str, depth: usize) -> Option<Module> {
        let file = self.0.get(module)?;
        if file.defines.contains(name) || !self.is_folder(module) {
            return Some(module.clone());
        }
        let named = file.imports.iter().filter(|import| import.name.as_deref() == Some(name));
        let globs = file.imports.iter().filter(|import| import.name.is_none());
        let by_name = named.filter_map(|import| self.home(module, &import.path, depth + 1));
        let by_glob = globs.filter_map(|import| {
            let there = self.home(module, &import.path, depth + 1)?;
            let defines = self.0.get(&there)?.defines.contains(name);
            if defines {
                Some(there)
            } else {
                self.definer(&there, name, depth + 1).filter(|at| *at != there)
            }
        });
        by_name.chain(by_glob).next()
    }

    /// What each file takes from each other.
    fn edges(&self) -> BTreeMap<&Module, BTreeMap<Module, BTreeSet<String>>> {
        let mut edges = BTreeMap::new();
        for (module, file) in self.0.iter().filter(|(module, _)| !self.is_folder(module)) {
            let used = file.imports.iter().map(|import| &import.path).chain(&file.paths);
            let mut taken: BTreeMap<Module, BTreeSet<String>> = BTreeMap::new();
            for path in used.filter(|path| path.len() > 1) {
                if let Some(there) = self.home(module, path, 0)
                    && there != *module
                    && !self.is_folder(&there)
                {
                    taken.entry(there).or_default().extend(path.last().cloned());
                }
            }
            edges.insert(module, taken);
        }
        edges
    }
}

fn told(module: &Module) -> String {
    format!("src/{}.rs", Path::new(&module.join("/")).display())
}

#[test]
fn no_file_depends_on_one_that_depends_on_it() {
    let tree = Tree::read();
    let edges = tree.edges();
    let arrows: usize = edges.values().map(BTreeMap::len).sum();
    assert!(arrows > 500, "only {arrows} arrows are seen between {} files", edges.len());
    let mut circles = BTreeMap::new();
    for start in edges.keys() {
        // The shortest way from a file back to itself.
        let (mut came_from, mut next) = (BTreeMap::new(), VecDeque::from([*start]));
        while let Some(at) = next.pop_front() {
            for to in edges.get(at).into_iter().flat_map(BTreeMap::keys) {
                if !came_from.contains_key(to) {
                    came_from.insert(to, at);
                    next.push_back(to);
                }
            }
        }
        let Some(mut back) = came_from.get(*start).copied() else { continue };
        let mut way = vec![*start, back];
        while back != *start {
            back = came_from[back];
            way.push(back);
        }
        way.reverse();
        let arrow = |pair: &[&Module]| {
            let names: Vec<&str> = edges[pair[0]][pair[1]].iter().map(String::as_str).collect();
            format!("  {} takes {} from {}", told(pair[0]), names.join(", "), told(pair[1]))
        };
        let lines: Vec<String> = way.windows(2).map(arrow).collect();
        let members: BTreeSet<&Module> = way.into_iter().collect();
        circles.insert(members, lines.join("\n"));
    }
    let circles: Vec<String> = circles.into_values().collect();
    assert!(circles.is_empty(), "{} circles:\n{}", circles.len(), circles.join("\n\n"));
}
