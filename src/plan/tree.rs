//! The tree of a plan: scalars, lists and mappings, each with its place, built value by value. What no honest plan has
//! (a key twice, too many values or levels) is found while it grows.

use std::collections::{
    HashMap,
    hash_map::Entry::{Occupied, Vacant},
};

use super::{
    problem::{Problem, shortened},
    span::{Span, Spanned},
};

/// Counted with every alias followed, so that a few lines of aliases cannot stand for millions of values.
const MAX_NODES: usize = 10_000;
const MAX_DEPTH: usize = 40;
/// Of all values together, counted as often as they are copied by aliases and parameters.
pub(super) const MAX_TEXT: usize = 8 * 1024 * 1024;

/// How a scalar was written, which decides what it may be read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Without quotes: `null`, `true` and numbers have their meaning.
    Plain,
    Quoted,
    /// With a parameter filled in: text or number as the place demands, but never nothing, nor a new piece of YAML.
    Filled,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Scalar {
        text: String,
        style: Style,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// Already reported; whoever reads it stays silent.
    Broken,
}

/// A value of the file. A collection points to the key it stands under, or to its first token.
pub(super) type Node = Spanned<Value>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub key: Spanned<String>,
    pub value: Node,
}

impl Node {
    pub(super) fn is_null(&self) -> bool {
        match &self.value {
            Value::Scalar { text, style: Style::Plain } => {
                matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL")
            }
            Value::Scalar { .. } | Value::List(_) | Value::Map(_) | Value::Broken => false,
        }
    }

    /// The value under a key of a mapping.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => {
                entries.iter().find(|entry| entry.key.value == key).map(|entry| &entry.value)
            }
            Value::Scalar { .. } | Value::List(_) | Value::Broken => None,
        }
    }
}

/// A collection that is not closed yet.
enum Open {
    List {
        anchor: usize,
        span: Span,
        items: Vec<Node>,
    },
    Map {
        anchor: usize,
        span: Span,
        entries: Vec<Entry>,
        /// Where each key stands.
        keys: HashMap<String, Span>,
        key: Option<Spanned<String>>,
    },
}

/// Puts values together in the order in which they are read.
#[derive(Default)]
pub(super) struct TreeBuilder {
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    /// Of these, how many stand there because an alias names them.
    copied: usize,
    text: usize,
    root: Option<Node>,
}

impl TreeBuilder {
    pub(super) fn root(self) -> Option<Node> {
        self.root
    }

    pub(super) const fn is_complete(&self) -> bool {
        self.root.is_some()
    }

    pub(super) fn scalar(
        &mut self,
        text: String,
        style: Style,
        anchor: usize,
        span: Span,
        problems: &mut Vec<Problem>,
    ) -> Result<(), Problem> {
        self.count(1, span)?;
        self.finish(Node::new(Value::Scalar { text, style }, span), anchor, problems)
    }

    pub(super) fn open_list(&mut self, anchor: usize, span: Span) -> Result<(), Problem> {
        let span = self.place(span)?;
        self.open.push(Open::List { anchor, span, items: Vec::new() });
        Ok(())
    }

    pub(super) fn open_map(&mut self, anchor: usize, span: Span) -> Result<(), Problem> {
        let span = self.place(span)?;
        self.open.push(Open::Map {
            anchor,
            span,
            entries: Vec::new(),
            keys: HashMap::new(),
            key: None,
        });
        Ok(())
    }

    pub(super) fn close(&mut self, problems: &mut Vec<Problem>) -> Result<(), Problem> {
        let (value, span, anchor) = match self.open.pop() {
            Some(Open::List { anchor, span, items }) => (Value::List(items), span, anchor),
            Some(Open::Map { anchor, span, entries, .. }) => (Value::Map(entries), span, anchor),
            None => return Ok(()),
        };
        self.finish(Node::new(value, span), anchor, problems)
    }

    pub(super) fn alias(
        &mut self,
        anchor: usize,
        span: Span,
        problems: &mut Vec<Problem>,
    ) -> Result<(), Problem> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return Err(Problem::error("plan::alias", "this alias stands inside what it names")
                .at(span, "refers to itself")
                .help("write the value out"));
        };
        self.copy(&node, span)?;
        self.finish(node, 0, problems)
    }

    /// Counts what stands for a second time.
    fn copy(&mut self, node: &Node, span: Span) -> Result<(), Problem> {
        let (nodes, text) = size(node);
        self.copied += nodes;
        self.count(nodes, span)?;
        self.text += text;
        if self.text <= MAX_TEXT { Ok(()) } else { Err(too_much_text(span)) }
    }

    fn count(&mut self, nodes: usize, span: Span) -> Result<(), Problem> {
        self.nodes += nodes;
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        let (followed, help) = match self.copied {
            0 => ("", "split the plan; no run needs so many values"),
            _ => (
                ", aliases followed",
                "aliases (`*name`) that name other aliases multiply; write the values out",
            ),
        };
        let message = format!("the plan has more than {MAX_NODES} values{followed}");
        Err(Problem::error("plan::too-many-values", message)
            .at(span, "counted up to here")
            .help(help))
    }

    /// Where the collection that begins here points to.
    fn place(&mut self, span: Span) -> Result<Span, Problem> {
        self.count(1, span)?;
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(span));
        }
        Ok(match self.open.last() {
            Some(Open::Map { key: Some(key), .. }) => key.span,
            Some(Open::Map { key: None, .. } | Open::List { .. }) | None => {
                Span::new(span.start, span.start + 1)
            }
        })
    }

    /// Puts a complete value into the collection it belongs to.
    fn finish(
        &mut self,
        node: Node,
        anchor: usize,
        problems: &mut Vec<Problem>,
    ) -> Result<(), Problem> {
        // The parser numbers anchors from 1.
        if anchor != 0 {
            // Anchors within anchors copy what they name once for each level.
            self.copy(&node, node.span)?;
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, keys, key, .. }) => match key.take() {
                None => *key = Some(key_of(node)?),
                Some(key) => match keys.entry(key.value.clone()) {
                    Occupied(first) => problems.push(duplicate(*first.get(), &key)),
                    Vacant(place) => {
                        place.insert(key.span);
                        entries.push(Entry { key, value: node });
                    }
                },
            },
        }
        Ok(())
    }
}

pub(super) fn too_deep(span: Span) -> Problem {
    Problem::error("plan::too-deep", "the values are nested too deeply")
        .at(span, "one level too many")
        .help("a plan nests about six levels deep; is a bracket not closed?")
}

fn key_of(node: Node) -> Result<Spanned<String>, Problem> {
    match node.value {
        Value::Scalar { text, .. } => Ok(Spanned::new(text, node.span)),
        Value::List(_) | Value::Map(_) | Value::Broken => Err(Problem::error(
            "plan::key",
            "a key is a word, not a list or a mapping",
        )
        .at(node.span, "stands in the place of a key")
        .help("text that begins with `{` or `[` needs quotes; parameters are written `${name}`")),
    }
}

fn duplicate(first: Span, second: &Spanned<String>) -> Problem {
    let key = shortened(&second.value);
    Problem::error("plan::duplicate-key", format!("`{key}` stands here twice"))
        .at(second.span, "second time")
        .at(first, "first time")
        .help("keep one of the two; where both are meant they are items of a list, each begun with `- `")
}

pub(super) fn too_much_text(span: Span) -> Problem {
    let message = format!("the values are longer than {MAX_TEXT} bytes together");
    Problem::error("plan::too-much-text", message)
        .at(span, "counted up to here, aliases and parameters followed")
        .help("a long text that is used again and again multiplies; is this the value you meant?")
}

/// How many values it has, and how many bytes they and their keys have.
fn size(node: &Node) -> (usize, usize) {
    let add = |(nodes, bytes), (more, longer)| (nodes + more, bytes + longer);
    match &node.value {
        Value::Scalar { text, .. } => (1, text.len()),
        Value::Broken => (1, 0),
        Value::List(items) => items.iter().map(size).fold((1, 0), add),
        Value::Map(entries) => {
            let sizes = entries.iter().map(|e| add(size(&e.value), (0, e.key.value.len())));
            sizes.fold((1, 0), add)
        }
    }
}
