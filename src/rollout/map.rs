//! A map whose clones share what neither has changed. The core decides on a clone of the state and lets events happen to
//! it, and few of them touch more than one entry: were the whole map copied for each, a run would cost the square of its
//! gates. Entries stand in order in short runs, so a change copies one run and the list of them.

use std::{
    fmt,
    hash::{Hash, Hasher},
};

use super::Shared;

/// Entries in one run, at most.
const LONGEST: usize = 32;

/// A run of entries, in the order of their keys; never empty.
type Run<K, V> = Shared<Vec<(K, V)>>;

/// An ordered map that is cheap to clone and then to change in a few places.
#[derive(Clone)]
pub struct Map<K, V>(Shared<Vec<Run<K, V>>>);

impl<K: Clone + Ord, V: Clone> Map<K, V> {
    /// The run that has the key or would.
    fn run_of(&self, key: &K) -> usize {
        let begins_before = |run: &Run<K, V>| run.first().is_some_and(|(first, _)| first <= key);
        self.0.partition_point(begins_before).saturating_sub(1)
    }

    pub fn get(&self, key: &K) -> Option<&V> {
        let run = self.0.get(self.run_of(key))?;
        let at = run.binary_search_by(|(other, _)| other.cmp(key)).ok()?;
        run.get(at).map(|(_, value)| value)
    }

    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let at = self.run_of(key);
        // Whoever looks for what is not there copies nothing.
        let place = self.0.get(at)?.binary_search_by(|(other, _)| other.cmp(key)).ok()?;
        self.0.get_mut(at)?.get_mut(place).map(|(_, value)| value)
    }

    pub fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    pub fn insert(&mut self, key: K, value: V) {
        let at = self.run_of(&key);
        let runs = &mut *self.0;
        let Some(run) = runs.get_mut(at) else {
            runs.push(vec![(key, value)].into());
            return;
        };
        match run.binary_search_by(|(other, _)| other.cmp(&key)) {
            Ok(place) => {
                if let Some((_, old)) = run.get_mut(place) {
                    *old = value;
                }
            }
            Err(place) => run.insert(place, (key, value)),
        }
        if run.len() > LONGEST {
            let rest = run.split_off(LONGEST / 2);
            runs.insert(at + 1, rest.into());
        }
    }

    pub fn extend(&mut self, entries: impl IntoIterator<Item = (K, V)>) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }

    /// Changes the value of a key, which is `first` where there is none.
    pub fn change(&mut self, key: &K, first: impl FnOnce() -> V, change: impl FnOnce(&mut V)) {
        if let Some(value) = self.get_mut(key) {
            return change(value);
        }
        let mut value = first();
        change(&mut value);
        self.insert(key.clone(), value);
    }

    pub fn remove(&mut self, key: &K) {
        if self.contains_key(key) {
            let at = self.run_of(key);
            if let Some(run) = self.0.get_mut(at) {
                run.retain(|(other, _)| other != key);
            }
            self.0.retain(|run| !run.is_empty());
        }
    }

    pub fn retain(&mut self, keep: impl Fn(&K, &V) -> bool) {
        for run in self.0.iter_mut() {
            run.retain(|(key, value)| keep(key, value));
        }
        self.0.retain(|run| !run.is_empty());
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.iter_mut().flat_map(|run| run.iter_mut()).map(|(_, value)| value)
    }
}

impl<K, V> Map<K, V> {
    /// In the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().flat_map(|run| run.iter()).map(|(key, value)| (key, value))
    }

    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    pub fn len(&self) -> usize {
        self.0.iter().map(|run| run.len()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self(Vec::new().into())
    }
}

/// Two maps are equal however their entries are divided into runs.
impl<K: PartialEq, V: PartialEq> PartialEq for Map<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<K: Eq, V: Eq> Eq for Map<K, V> {}

impl<K: Hash, V: Hash> Hash for Map<K, V> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.len().hash(state);
        self.iter().for_each(|entry| entry.hash(state));
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Map<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_map_of_the_library_and_a_clone_keeps_what_it_had(
            deeds in prop::collection::vec((0_u8..4, 0_u8..200, any::<u8>()), 0..600),
        ) {
            let (mut map, mut model) = (Map::default(), BTreeMap::new());
            let mut kept = (map.clone(), model.clone());
            for (at, (deed, key, value)) in deeds.into_iter().enumerate() {
                match deed {
                    0 => {
                        map.remove(&key);
                        model.remove(&key);
                    }
                    1 => {
                        map.change(&key, || 7, |v| *v ^= value);
                        *model.entry(key).or_insert(7) ^= value;
                    }
                    2 if value < 8 => {
                        map.retain(|key, _| key % 8 != value);
                        model.retain(|key, _| key % 8 != value);
                    }
                    _ => {
                        map.insert(key, value);
                        model.insert(key, value);
                    }
                }
                prop_assert_eq!(map.get(&key), model.get(&key));
                if at % 100 == 50 {
                    kept = (map.clone(), model.clone());
                }
            }
            for (map, model) in [(map, model), kept] {
                prop_assert!(map.iter().eq(model.iter()));
                prop_assert_eq!((map.len(), map.is_empty()), (model.len(), model.is_empty()));
            }
        }
    }

    #[test]
    fn maps_with_the_same_entries_are_equal_however_they_came_about() {
        let (mut up, mut down) = (Map::default(), Map::default());
        for key in 0..200 {
            up.insert(key, ());
            down.insert(199 - key, ());
        }
        assert_eq!(up, down);
        down.remove(&7);
        assert_ne!(up, down);
    }
}
