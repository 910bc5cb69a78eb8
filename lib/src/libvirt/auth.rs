//! Credentials for connections to libvirt.
//!
//! In: what a program can answer, libvirt's questions while it connects, the answers from a callback of
//! the event `libvirt_auth`. Out: the answers to libvirt. Questions exist only while the event is
//! delivered.

use crate::error::{Error, Result};
use crate::event::EventClass;
use crate::handle::Handle;
use crate::libvirt_ffi::{Asker, Connection, Question};
use bstr::{BStr, BString};

/// The words of the API in the order of libvirt's numbers, which begin with 1.
const KINDS: [&str; 9] =
    ["username", "authname", "language", "cnonce", "passphrase", "echoprompt", "noechoprompt", "realm", "external"];

/// A handle's part of it.
type Credentials = parking_lot::Mutex<State>;

/// See the module.
#[derive(Default)]
struct State {
    /// What the program can answer, as libvirt numbers it.
    supported: Vec<i32>,
    /// Questions and their answers, while the event is delivered.
    asked: Option<Vec<(Question, Option<Vec<u8>>)>>,
}

fn number(word: &BString) -> Result<i32> {
    let at = KINDS.iter().position(|k| word == k).and_then(|at| i32::try_from(at).ok());
    at.map(|at| at + 1).ok_or_else(|| Error::usage(format!("unknown credential type '{word}'")))
}

fn word(number: i32) -> BString {
    let at = number.checked_sub(1).and_then(|n| usize::try_from(n).ok());
    at.and_then(|at| KINDS.get(at)).copied().unwrap_or_default().into()
}

/// Takes the questions away, however the event ended.
struct Asked<'h>(&'h Handle);

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.0.kept::<Credentials>().lock().asked = None;
    }
}

/// Have the program answer. No lock is held while it does.
fn ask(g: &Handle, uri: &[u8], questions: Vec<Question>) -> Vec<Option<Vec<u8>>> {
    g.kept::<Credentials>().lock().asked = Some(questions.into_iter().map(|q| (q, None)).collect());
    let _asked = Asked(g);
    g.fire(EventClass::LibvirtAuth, uri, &[]);
    let answered = g.kept::<Credentials>().lock().asked.take().unwrap_or_default();
    answered.into_iter().map(|(_, answer)| answer).collect()
}

/// Connect to `uri`, or to libvirt's default one.
pub(super) fn connect(g: &Handle, uri: Option<&BStr>, readonly: bool) -> Result<Connection> {
    if !g.callbacks.wants(EventClass::LibvirtAuth) {
        return Connection::open(uri, readonly, None);
    }
    let default = || std::env::var_os("LIBVIRT_DEFAULT_URI").map(std::os::unix::ffi::OsStringExt::into_vec);
    let mut shown = uri.map(|u| u.to_vec()).or_else(default).unwrap_or_default();
    // Programs in C print the payload as a string: a NUL follows it, which is not part of it.
    let length = shown.len();
    shown.push(0);
    let shown = shown.get(..length).unwrap_or_default();
    let kinds = g.kept::<Credentials>().lock().supported.clone();
    let mut open = Vec::new();
    let mut answer = |questions: Vec<Question>| {
        let words: Vec<BString> = questions.iter().map(|q| word(q.kind)).collect();
        let answers = ask(g, shown, questions);
        open.extend(words.into_iter().zip(&answers).filter(|(_, answer)| answer.is_none()).map(|(word, _)| word));
        answers
    };
    let connected = Connection::open(uri, readonly, Some(Asker { kinds, ask: &mut answer }));
    connected.map_err(|e| match open.first() {
        // libvirt itself may not say why.
        Some(word) => e.with_errno(libc::EACCES).with_help(format!("libvirt asked for {word}, and nobody answered")),
        None => e,
    })
}

/// Look at the questions that are being asked.
fn asked<T>(
    g: &Handle,
    call: &str,
    look: impl FnOnce(&mut Vec<(Question, Option<Vec<u8>>)>) -> Result<T>,
) -> Result<T> {
    match &mut g.kept::<Credentials>().lock().asked {
        Some(asked) => look(asked),
        None => Err(Error::usage(format!("{call} should only be called from a callback of the event libvirt_auth"))),
    }
}

/// One of the questions.
fn one<T>(g: &Handle, call: &str, index: i32, look: impl FnOnce(&mut (Question, Option<Vec<u8>>)) -> T) -> Result<T> {
    asked(g, call, |asked| {
        let count = asked.len();
        let question = usize::try_from(index).ok().and_then(|index| asked.get_mut(index));
        let wrong = || Error::usage(format!("{call}: {index}: libvirt asks {count} questions, numbered from 0"));
        question.map(look).ok_or_else(wrong)
    })
}

pub(crate) fn set_libvirt_supported_credentials(g: &Handle, creds: &[BString]) -> Result<()> {
    let supported = creds.iter().map(number).collect::<Result<_>>()?;
    g.kept::<Credentials>().lock().supported = supported;
    Ok(())
}

pub(crate) fn get_libvirt_requested_credentials(g: &Handle) -> Result<Vec<BString>> {
    asked(g, "get_libvirt_requested_credentials", |asked| Ok(asked.iter().map(|(q, _)| word(q.kind)).collect()))
}

pub(crate) fn get_libvirt_requested_credential_prompt(g: &Handle, index: i32) -> Result<BString> {
    one(g, "get_libvirt_requested_credential_prompt", index, |(q, _)| q.prompt.clone())
}

pub(crate) fn get_libvirt_requested_credential_challenge(g: &Handle, index: i32) -> Result<BString> {
    one(g, "get_libvirt_requested_credential_challenge", index, |(q, _)| q.challenge.clone())
}

pub(crate) fn get_libvirt_requested_credential_defresult(g: &Handle, index: i32) -> Result<BString> {
    one(g, "get_libvirt_requested_credential_defresult", index, |(q, _)| q.default.clone())
}

pub(crate) fn set_libvirt_requested_credential(g: &Handle, index: i32, cred: &[u8]) -> Result<()> {
    one(g, "set_libvirt_requested_credential", index, |(_, answer)| *answer = Some(cred.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    fn handle() -> Handle {
        Handle::create(crate::CreateFlags { no_environment: true, ..Default::default() }).unwrap()
    }

    fn question(kind: i32, prompt: &str) -> Question {
        Question { kind, prompt: prompt.into(), challenge: "c".into(), default: "d".into() }
    }

    #[test]
    fn words_and_numbers() {
        for (at, kind) in KINDS.iter().enumerate() {
            let n = number(&(*kind).into()).unwrap();
            assert_eq!((usize::try_from(n).unwrap(), word(n)), (at + 1, (*kind).into()));
        }
        for n in [0, -1, 10, i32::MIN, i32::MAX] {
            assert_eq!(word(n), "");
        }
    }

    #[test]
    fn supported_is_all_or_nothing() {
        let g = handle();
        g.set_libvirt_supported_credentials(&["authname", "passphrase"]).unwrap();
        assert!(g.set_libvirt_supported_credentials(&["external", "nonsense"]).is_err());
        assert_eq!(g.kept::<Credentials>().lock().supported, [2, 5]);
    }

    #[test]
    fn answers_come_from_the_callback() {
        let g = handle();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let notes = seen.clone();
        g.add_event_callback(EventClass::LibvirtAuth.bit(), move |g, event| {
            let mut notes = notes.lock().unwrap();
            notes.push(BString::from(event.data));
            notes.extend(g.get_libvirt_requested_credentials().unwrap());
            notes.push(g.get_libvirt_requested_credential_prompt(0).unwrap());
            notes.push(g.get_libvirt_requested_credential_challenge(1).unwrap());
            notes.push(g.get_libvirt_requested_credential_defresult(2).unwrap());
            g.set_libvirt_requested_credential(1, b"first").unwrap();
            g.set_libvirt_requested_credential(1, b"pass\0word").unwrap();
            for index in [3, -1, i32::MAX] {
                assert_eq!(g.set_libvirt_requested_credential(index, b"").unwrap_err().errno(), libc::EINVAL);
            }
        });
        let answers = ask(&g, b"test:///u", vec![question(2, "Name"), question(5, ""), question(77, "")]);
        assert_eq!(answers, [None, Some(b"pass\0word".to_vec()), None]);
        assert_eq!(*seen.lock().unwrap(), ["test:///u", "authname", "passphrase", "", "Name", "c", "d"]);
        // Afterwards nothing is left to be read.
        assert_eq!(g.get_libvirt_requested_credentials().unwrap_err().errno(), libc::EINVAL);
    }
}
