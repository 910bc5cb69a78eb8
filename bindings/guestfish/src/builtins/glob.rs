//! `glob`: run a command for each combination of what its arguments match. Failures are printed as they
//! come; they end it only after the last combination.

use super::Call;
use crate::error::{Error, Result};
use crate::generated::builtins as about;
use crate::session::Session;
use crate::wildcard;
use bstr::{BString, ByteSlice};
use guestfs::Handle;

pub(super) fn glob(session: &mut Session, call: &Call<'_>) -> Result<()> {
    let (name, words) = call.inner(&about::GLOB)?;
    let handle = session.handle();
    let choices: Vec<Vec<BString>> = words.iter().map(|w| expand(&handle, w)).collect::<Result<_>>()?;
    let mut at = vec![0; choices.len()];
    let mut outcome = Ok(());
    loop {
        let picked: Vec<BString> = choices.iter().zip(&at).filter_map(|(c, i)| c.get(*i).cloned()).collect();
        if let Err(e) = call.run(session, name, &picked) {
            let place = session.ask.inputs.last().and_then(|i| i.place());
            e.print(place.as_ref().map(|p| p.as_bstr()));
            outcome = Err(Error::printed());
        }
        if session.quit || !advance(&mut at, &choices) {
            return outcome;
        }
        if session.interrupt.seen() {
            return outcome.and(Err(Error::new("glob: interrupted before the last combination")));
        }
    }
}

/// The next combination, the last argument turning fastest; false after the last one.
fn advance(at: &mut [usize], choices: &[Vec<BString>]) -> bool {
    for (i, choice) in at.iter_mut().zip(choices).rev() {
        *i += 1;
        if *i < choice.len() {
            return true;
        }
        *i = 0;
    }
    false
}

/// What one argument stands for: itself when it is no pattern or nothing matches.
fn expand(handle: &Handle, word: &BString) -> Result<Vec<BString>> {
    let found = if word.starts_with_str("/dev/") {
        let mut names = handle.list_devices()?;
        names.extend(handle.list_partitions()?);
        names.extend(handle.lvs()?);
        names.retain(|name| wildcard::matches(word, name));
        names
    } else if word.starts_with(b"/") {
        handle.glob_expand(word, Default::default())?
    } else {
        Vec::new()
    };
    Ok(if found.is_empty() { vec![word.clone()] } else { found })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combinations() {
        let choices: Vec<Vec<BString>> =
            vec![vec!["a".into(), "b".into()], vec!["x".into()], vec!["1".into(), "2".into()]];
        let mut at = vec![0; 3];
        let mut seen = vec![at.clone()];
        while advance(&mut at, &choices) {
            seen.push(at.clone());
        }
        assert_eq!(seen, [[0, 0, 0], [0, 0, 1], [1, 0, 0], [1, 0, 1]]);
        assert!(!advance(&mut [], &[]));
    }
}
