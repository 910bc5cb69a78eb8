//! The QMP client against a fake monitor.

use super::*;
use std::io::{BufRead, BufReader, Write};

const GREETING: &str =
    r#"{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""}, "capabilities": ["oob"]}}"#;

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

/// A monitor that answers the capabilities, then each line by `answer` (its lines are sent as they are).
fn monitor(
    mut answer: impl FnMut(&Value) -> Option<String> + Send + 'static,
) -> (UnixStream, std::thread::JoinHandle<()>) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let thread = std::thread::spawn(move || {
        let mut writer = theirs.try_clone().unwrap();
        writeln!(writer, "{GREETING}").unwrap();
        for line in BufReader::new(theirs).lines() {
            let Ok(line) = line else { return };
            let command: Value = serde_json::from_str(&line).unwrap();
            let text = if command["execute"] == "qmp_capabilities" {
                Some(json!({ "return": {}, "id": command["id"] }).to_string())
            } else {
                answer(&command)
            };
            match text {
                Some(text) => drop(writeln!(writer, "{text}")),
                None => return,
            }
        }
    });
    (ours, thread)
}

fn connect(stream: UnixStream) -> Qmp {
    let (qmp, version) = Qmp::connect(stream, soon(), &|| true).unwrap();
    assert_eq!(version, (7, 2));
    qmp
}

#[test]
fn commands_results_refusals_and_events() {
    let (stream, _thread) = monitor(|c| {
        let id = &c["id"];
        Some(match c["execute"].as_str().unwrap() {
            "good" => format!("{}\n{}", json!({"event": "RESUME"}), json!({"return": c["arguments"], "id": id})),
            _ => json!({"error": {"class": "GenericError", "desc": "no such thing"}, "id": id}).to_string(),
        })
    });
    let mut qmp = connect(stream);
    let value = qmp.execute(Command::new("good", json!({"a": 1})), soon(), &|| true).unwrap();
    assert_eq!(value, json!({"a": 1}));
    let e = qmp.execute(Command::new("bad", json!({})), soon(), &|| true).unwrap_err();
    assert!(matches!(&e, QmpError::Refused(w) if w == "no such thing"), "{e:?}");
}

#[test]
fn a_thousand_large_commands_in_a_pipeline() {
    let (stream, _thread) = monitor(|c| Some(json!({"return": c["arguments"], "id": c["id"]}).to_string()));
    let mut qmp = connect(stream);
    let commands = (0..1000).map(|n| Command::new("x", json!({"n": n, "pad": "p".repeat(4000)}))).collect();
    let results = qmp.pipeline(commands, soon(), &|| true).unwrap();
    for (n, result) in results.into_iter().enumerate() {
        assert_eq!(result.unwrap()["n"], json!(n));
    }
}

#[test]
fn descriptors_travel_along() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut qmp = Qmp { stream: ours, input: Vec::new(), next_id: 7 };
    qmp.stream.set_nonblocking(true).unwrap();
    let (pipe, mut write) = crate::fake::pipe();
    qmp.send(Command::new("add-fd", json!({})).with_fd(pipe.into()), soon(), &|| true).unwrap();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = rustix::net::RecvAncillaryBuffer::new(&mut space);
    let mut buf = [0; 200];
    let got = rustix::net::recvmsg(
        &theirs,
        &mut [std::io::IoSliceMut::new(&mut buf)],
        &mut ancillary,
        rustix::net::RecvFlags::CMSG_CLOEXEC,
    )
    .unwrap();
    let command: Value = serde_json::from_slice(&buf[..got.bytes]).unwrap();
    assert_eq!((&command["execute"], &command["id"]), (&json!("add-fd"), &json!(7)));
    let fds: Vec<OwnedFd> = ancillary
        .drain()
        .flat_map(|m| match m {
            rustix::net::RecvAncillaryMessage::ScmRights(fds) => fds.collect::<Vec<_>>(),
            _ => vec![],
        })
        .collect();
    assert_eq!(fds.len(), 1);
    write.write_all(b"through").unwrap();
    drop(write);
    let mut text = String::new();
    std::fs::File::from(fds.into_iter().next().unwrap()).read_to_string(&mut text).unwrap();
    assert_eq!(text, "through");
}

#[test]
fn nonsense_silence_and_endings() {
    let nonsense: [fn(&Value) -> Option<String>; 4] = [
        |_| Some("not json".into()),
        |_| Some(json!({"return": {}, "id": 99}).to_string()),
        |c| Some(json!({"neither": 1, "id": c["id"]}).to_string()),
        |_| Some("[]".into()),
    ];
    for answer in nonsense {
        let (stream, _thread) = monitor(answer);
        let e = connect(stream).execute(Command::new("x", json!({})), soon(), &|| true).unwrap_err();
        assert!(matches!(e, QmpError::Garbage(_)), "{e:?}");
    }

    let (stream, _thread) = monitor(|_| None);
    let e = connect(stream).execute(Command::new("x", json!({})), soon(), &|| true).unwrap_err();
    assert!(matches!(e, QmpError::Closed), "{e:?}");

    let (stream, _thread) = monitor(|_| Some(json!({"event": "E"}).to_string()));
    let deadline = Instant::now() + Duration::from_millis(150);
    let e = connect(stream).execute(Command::new("x", json!({})), deadline, &|| true).unwrap_err();
    assert!(matches!(e, QmpError::Timeout), "{e:?}");

    let (stream, _keep) = UnixStream::pair().unwrap();
    let e = Qmp::connect(stream, soon(), &|| false).unwrap_err();
    assert!(matches!(e, QmpError::Cancelled), "{e:?}");

    let (stream, mut theirs) = UnixStream::pair().unwrap();
    writeln!(theirs, "{{}}").unwrap();
    assert!(matches!(Qmp::connect(stream, soon(), &|| true).unwrap_err(), QmpError::Garbage(_)));
}

#[test]
fn an_endless_line_ends() {
    let (stream, mut theirs) = UnixStream::pair().unwrap();
    let flood = std::thread::spawn(move || while theirs.write_all(&[b'x'; 1 << 20]).is_ok() {});
    let e = Qmp::connect(stream, Instant::now() + Duration::from_secs(60), &|| true).unwrap_err();
    assert!(matches!(&e, QmpError::Garbage(w) if w.contains("endless")), "{e:?}");
    flood.join().unwrap();
}

#[test]
fn late_answers_are_not_taken_for_others() {
    let mut late = None;
    let (stream, _thread) = monitor(move |c| {
        let answer = json!({ "return": c["arguments"], "id": c["id"] }).to_string();
        match late.take() {
            // Answered together with the next one.
            None => {
                late = Some(answer);
                Some(String::from("{\"event\": \"RESUME\"}"))
            }
            Some(first) => Some(format!("{first}\n{answer}")),
        }
    });
    let mut qmp = connect(stream);
    let at_once = Instant::now() + Duration::from_millis(50);
    let e = qmp.execute(Command::new("a", json!({ "n": 1 })), at_once, &|| true).unwrap_err();
    assert!(matches!(e, QmpError::Timeout), "{e:?}");
    let value = qmp.execute(Command::new("b", json!({ "n": 2 })), soon(), &|| true).unwrap();
    assert_eq!(value, json!({ "n": 2 }));
}
