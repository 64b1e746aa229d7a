//! Counts the words of a folder. Mappers read the files and count; what they
//! found goes, as objects, to reducers that each add up one part of all words.

mod files;
mod progress;
pub mod words;

use std::collections::VecDeque;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

use files::Batches;
use greenroom::prelude::*;
use progress::Progress;
use words::Counts;

const MAPPERS: usize = 8;
const REDUCERS: usize = 4;

/// How many of the most frequent words are shown.
const TOP: usize = 10;

/// Merges that may be under way; with more the mappers wait for the reducers.
const MERGES_MAX: usize = 8 * REDUCERS;

/// Some words and how often each was seen.
type Part = Vec<(String, u64)>;

/// What a mapper made of a batch of files.
#[derive(Default, Serialize, Deserialize)]
struct Mapped {
    files: usize,
    bytes: u64,
    /// Files that could not be read, and why.
    skipped: Vec<String>,
    /// One part for each reducer. The words stay in the object store until
    /// their reducer takes them; only the refs travel here.
    parts: Vec<ObjectRef<Part>>,
}

struct Mapper;

/// Counts the words of files.
#[actor]
impl Mapper {
    fn new() -> Self {
        Mapper
    }

    /// Counts the words of these files, for so many reducers.
    fn map(&self, files: Vec<PathBuf>, reducers: usize) -> Result<Mapped> {
        let mut mapped = Mapped::default();
        let mut counts = Counts::new();
        for file in files {
            match words::count_file(&file, &mut counts) {
                Ok(bytes) => {
                    mapped.files += 1;
                    mapped.bytes += bytes;
                }
                Err(error) => mapped.skipped.push(format!("{}: {error}", file.display())),
            }
        }
        let mut parts = vec![Part::new(); reducers];
        for (word, count) in counts {
            parts[reducer_of(&word, reducers)].push((word, count));
        }
        mapped.parts = parts.iter().map(put).collect::<Result<_>>()?;
        Ok(mapped)
    }
}

/// The reducer that adds up this word; the same one whichever mapper asks.
fn reducer_of(word: &str, reducers: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    word.hash(&mut hasher);
    (hasher.finish() % reducers as u64) as usize
}

#[derive(Default)]
struct Reducer {
    counts: Counts,
}

/// What a reducer knows in the end.
#[derive(Serialize, Deserialize)]
struct Summary {
    words: u64,
    distinct: usize,
    /// The most frequent first.
    top: Part,
}

/// Adds up the counts of some of the words.
#[actor]
impl Reducer {
    fn new() -> Self {
        Self::default()
    }

    /// Adds counts to those so far.
    fn merge(&mut self, part: Part) {
        for (word, count) in part {
            *self.counts.entry(word).or_default() += count;
        }
    }

    /// The sums, and the most frequent words.
    fn summary(&self, top: usize) -> Summary {
        let top = most_frequent(self.counts.iter().map(|(word, count)| (word, *count)), top);
        Summary {
            words: self.counts.values().sum(),
            distinct: self.counts.len(),
            top: top.into_iter().map(|(word, count)| (word.clone(), count)).collect(),
        }
    }
}

/// The most frequent words, in order; equally frequent ones by the alphabet.
fn most_frequent<W: Ord>(words: impl Iterator<Item = (W, u64)>, top: usize) -> Vec<(W, u64)> {
    let mut words: Vec<_> = words.collect();
    words.sort_unstable_by(|(a, times_a), (b, times_b)| times_b.cmp(times_a).then(a.cmp(b)));
    words.truncate(top);
    words
}

/// Counts the words below the folders that the arguments name.
#[driver]
fn main(folders: Vec<String>) -> Result<()> {
    if folders.is_empty() {
        return Err("which folders? such as: --dir .:ro=/data -- /data".into());
    }
    for folder in &folders {
        fs::read_dir(folder).map_err(|error| format!("{folder}: {error}; granted with --dir?"))?;
    }
    let mut mappers = ActorPool::new(spawn(MAPPERS, Mapper::remote)?);
    let reducers = spawn(REDUCERS, Reducer::remote)?;

    let mut batches = Batches::below(folders);
    let mut progress = Progress::start();
    let mut merging = VecDeque::new();
    for mapped in mappers.map_unordered(|mapper, files| mapper.map(files, REDUCERS), &mut batches) {
        let mapped = mapped?;
        progress.add(&mapped);
        for (reducer, part) in reducers.iter().zip(mapped.parts) {
            merging.push_back(reducer.merge(part).remote()?);
        }
        while merging.len() > MERGES_MAX {
            merging.pop_front().map_or(Ok(()), get)?;
        }
    }
    get(Vec::from(merging))?;
    progress.show();
    for skipped in &batches.skipped {
        eprintln!("skipped {skipped}");
    }
    show(&reducers)
}

fn spawn<A: Actor>(count: usize, one: impl Fn() -> Result<Handle<A>>) -> Result<Vec<Handle<A>>> {
    (0..count).map(|_| one()).collect()
}

/// Puts the reducers' parts together.
fn show(reducers: &[Handle<Reducer>]) -> Result<()> {
    let asked: Vec<_> =
        reducers.iter().map(|reducer| reducer.summary(TOP).remote()).collect::<Result<_>>()?;
    let summaries = get(asked)?;
    println!("words: {}", summaries.iter().map(|part| part.words).sum::<u64>());
    println!("distinct: {}", summaries.iter().map(|part| part.distinct).sum::<usize>());
    let top = summaries.into_iter().flat_map(|part| part.top);
    for (word, count) in most_frequent(top, TOP) {
        println!("{count:>10} {word}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a mapper makes of two files and one that is not there.
    fn mapped(folder: &tempfile::TempDir) -> Mapped {
        let [one, two, none] = ["one", "two", "none"].map(|name| folder.path().join(name));
        fs::write(&one, "to be or not to be").unwrap();
        fs::write(&two, "not so").unwrap();
        let mapper = Mapper::remote().unwrap();
        get(mapper.map(vec![one, two, none], 2).remote().unwrap()).unwrap()
    }

    #[test]
    fn files_that_cannot_be_read_are_reported() {
        let folder = tempfile::tempdir().unwrap();
        let mapped = mapped(&folder);
        assert_eq!((mapped.files, mapped.bytes), (2, 24));
        let skipped = format!("{}: ", folder.path().join("none").display());
        assert!(mapped.skipped[0].starts_with(&skipped), "{:?}", mapped.skipped);
    }

    #[test]
    fn reducers_add_up_their_own_words() {
        let reducers = [Reducer::remote().unwrap(), Reducer::remote().unwrap()];
        for _ in 0..2 {
            let parts = mapped(&tempfile::tempdir().unwrap()).parts;
            for (reducer, part) in reducers.iter().zip(parts) {
                get(reducer.merge(part).remote().unwrap()).unwrap();
            }
        }
        let summaries = get(reducers.map(|reducer| reducer.summary(9).remote().unwrap())).unwrap();
        assert_eq!(summaries.iter().map(|part| part.words).sum::<u64>(), 16);
        assert_eq!(summaries.iter().map(|part| part.distinct).sum::<usize>(), 5);
        let top = most_frequent(summaries.into_iter().flat_map(|part| part.top), 3);
        let expected = [("be", 4), ("not", 4), ("to", 4)];
        assert_eq!(top, expected.map(|(word, count)| (word.to_owned(), count)));
    }
}
