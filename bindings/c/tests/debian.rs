//! Agreement with Debian's libguestfs (libguestfs-dev, python3-guestfs): what our tests expect is what upstream
//! does, our header is upstream's as far as binaries can tell, and Debian's programs load our library.

mod support;

use guestfs::protocol::message::{frame, Header, Status, LAUNCH_FLAG};
use guestfs::protocol::xdr::Decoder;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::process::Command;
use support::{check_bindtests, command, file, library, run, run_ok, scratch};

/// Names that upstream renamed or added between Debian's version and the API level that we follow.
const NEWER: [&str; 4] = ["app2_class", "cipher", "forceno", "keepdirlink"];

/// Options of calls that Debian's version does not have.
const NEWER_STRUCTS: [&str; 3] = ["btrfs_scrub_full_argv", "ntfs_chmod_argv", "setfiles_argv"];

fn cc() -> Command {
    Command::new(std::env::var_os("CC").unwrap_or("cc".into()))
}

/// A program that sees only Debian's library.
fn debian(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = command(program);
    command.env_remove("LD_LIBRARY_PATH").env_remove("PYTHONPATH");
    command
}

#[test]
fn our_test_programs_pass_on_debians_library() {
    let dir = scratch("programs");
    for name in ["bindtests", "handle"] {
        let out = dir.join(name);
        let mut cc = cc();
        cc.args(["-std=gnu11", "-w", "-DOURS=0", "-I"]).arg(file("generated/c")).arg("-o").arg(&out);
        run(cc.arg(file(&format!("bindings/c/tests/{name}.c"))).args(["-lguestfs", "-lpthread"]));
    }
    let seen = dir.join("seen");
    run_ok(debian(dir.join("bindtests")).arg(&seen));
    check_bindtests(&seen);
    run_ok(debian(dir.join("handle")).arg(&dir));
    let seen = dir.join("python");
    run_ok(debian("/usr/bin/python3").arg(file("bindings/python/tests/bindtests.py")).arg(&seen));
    // The one line that Debian's binding cannot say.
    let text = std::fs::read(&seen).unwrap();
    let place = text.windows(3).position(|w| w == b"x?y").unwrap();
    std::fs::write(&seen, [&text[..place], b"x\xffy", &text[place + 3..]].concat()).unwrap();
    check_bindtests(&seen);
}

fn exported(library: &std::path::Path) -> std::collections::BTreeSet<String> {
    let nm = run(Command::new("nm").args(["-D", "--defined-only"]).arg(library));
    let text = String::from_utf8(nm.stdout).unwrap();
    text.lines().filter_map(|l| l.split_whitespace().nth(2).map(str::to_owned)).collect()
}

/// Whatever links with Debian's library links with ours.
#[test]
fn symbols_are_debians() {
    let debians = exported("/usr/lib/x86_64-linux-gnu/libguestfs.so.0".as_ref());
    let ours = exported(&library().join("libguestfs.so.0"));
    assert!(debians.len() > 900, "only {} symbols", debians.len());
    let missing: Vec<_> = debians.difference(&ours).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Every prototype again, after Debian's header: the compiler refuses any that is not the same.
#[test]
fn prototypes_are_debians() {
    let header = std::fs::read_to_string(file("generated/c/guestfs.h")).unwrap();
    let mut text = String::from(
        "#define GUESTFS_NO_WARN_DEPRECATED 1\n#define GUESTFS_PRIVATE 1\n#include \"/usr/include/guestfs.h\"\n",
    );
    let mut count = 0;
    for line in header.lines().filter(|l| l.starts_with("extern GUESTFS_DLL_PUBLIC")) {
        text += line.trim_end_matches(';');
        text += ";\n";
        count += 1;
    }
    assert!(count > 400, "only {count} prototypes found in our header");
    let source = scratch("prototypes").join("prototypes.c");
    std::fs::write(&source, text).unwrap();
    run(cc().args(["-std=gnu11", "-w", "-fsyntax-only"]).arg(source));
}

/// Size and place of every member of every struct, printed by the same program compiled with each header.
#[test]
fn struct_layouts_are_debians() {
    let header = std::fs::read_to_string(file("generated/c/guestfs.h")).unwrap();
    let mut text =
        String::from("#define GUESTFS_PRIVATE 1\n#include <guestfs.h>\n#include <stdio.h>\nint main (void) {\n");
    let mut inside: Option<(&str, bool)> = None;
    for line in header.lines() {
        match (line.strip_prefix("struct guestfs_").and_then(|l| l.strip_suffix(" {")), inside) {
            (Some(name), _) if NEWER_STRUCTS.contains(&name) => inside = None,
            (Some(name), _) => inside = Some((name, false)),
            (None, Some((name, grown))) if line == "};" => {
                if !grown {
                    text += &format!("printf (\"{name} %zu\\n\", sizeof (struct guestfs_{name}));\n");
                }
                inside = None;
            }
            (None, Some((name, _))) if line.starts_with("  ") => {
                let member = line.split(';').next().unwrap_or(line).split('[').next().unwrap_or(line);
                let member = member.rsplit([' ', '*']).next().unwrap_or(member);
                if NEWER.contains(&member) {
                    inside = Some((name, true));
                } else {
                    text += &format!(
                        "printf (\"{name}.{member} %zu %zu\\n\", offsetof (struct guestfs_{name}, {member}), sizeof ((struct guestfs_{name} *) 0)->{member});\n"
                    );
                }
            }
            _ => {}
        }
    }
    text += "return 0; }\n";
    let dir = scratch("layouts");
    let source = dir.join("layouts.c");
    std::fs::write(&source, text).unwrap();
    let print = |name: &str, include: &std::path::Path| {
        let out = dir.join(name);
        run(cc().args(["-std=gnu11", "-w", "-I"]).arg(include).arg("-o").arg(&out).arg(&source));
        String::from_utf8(run(&mut Command::new(out)).stdout).unwrap()
    };
    let ours = print("ours", &file("generated/c"));
    assert!(ours.lines().count() > 400);
    assert_eq!(ours, print("debian", "/usr/include".as_ref()));
}

/// Debian's guestfish, unmodified, on our library.
#[test]
fn debians_guestfish_runs_on_our_library() {
    let image = scratch("guestfish").join("x.img");
    let mut guestfish = command("/usr/bin/guestfish");
    let output = run(guestfish
        .args(["set-memsize", "500", ":", "get-memsize", ":", "disk-create"])
        .arg(&image)
        .args(["raw", "1M", ":", "disk-virtual-size"])
        .arg(&image)
        .args([":", "version"]));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("500\n1048576\n") && text.contains("extra: rs\n"), "{text}");
    let mut ldd = Command::new("sh");
    ldd.args(["-c", "ldd /usr/bin/guestfish"]).env("LD_LIBRARY_PATH", library());
    let text = String::from_utf8(run(&mut ldd).stdout).unwrap();
    assert!(text.contains(&format!("{}/libguestfs.so.0", library().display())), "{text}");
}

/// It makes its handle, goes into the background, and launches there.
#[test]
fn debians_guestfish_listens_on_our_library() {
    let script = "eval \"$(/usr/bin/guestfish --listen)\" && /usr/bin/guestfish --remote set-memsize 700 &&
        /usr/bin/guestfish --remote get-memsize && /usr/bin/guestfish --remote exit";
    let dir = scratch("listens");
    let out = run(command("/bin/sh").args(["-c", script]).env("TMPDIR", &dir));
    assert_eq!(String::from_utf8_lossy(&out.stdout), "700\n");
}

/// A daemon whose numbers have every bit set, for one connection.
fn minus_one(listener: &UnixListener) {
    let (mut library, _) = listener.accept().unwrap();
    library.write_all(&LAUNCH_FLAG.to_be_bytes()).unwrap();
    let mut length = [0; 4];
    while library.read_exact(&mut length).is_ok() {
        let mut message = vec![0; u32::from_be_bytes(length) as usize];
        library.read_exact(&mut message).unwrap();
        let call: Header = Decoder::new(&message).get().unwrap();
        let size = |info: &&&guestfs::call::CallInfo| info.proc == call.proc;
        let body: &[u8] = match guestfs::ALL_CALLS.iter().find(size).unwrap().name {
            "filesize" | "blockdev_getsz" | "part_get_gpt_attributes" => &[0xff; 8],
            "wc_l" | "nr_devices" => &[0xff; 4],
            _ => &[],
        };
        let reply = Header::reply(call.proc, call.serial, Status::Ok);
        library.write_all(&frame(&reply, |e| e.raw(body)).unwrap()).unwrap();
    }
}

/// Debian's Python module raises what the library's last error says, and crashes when there is none.
#[test]
fn debians_python_survives_results_that_look_like_failure() {
    let socket = scratch("minus one").join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let daemon = std::thread::spawn(move || minus_one(&listener));
    let script = r#"
import guestfs
g = guestfs.GuestFS(python_return_dict=True)
g.launch()
def fails(words, call, *args):
    try:
        call(*args)
    except RuntimeError as e:
        assert words in str(e), (call, e)
    else:
        raise AssertionError(call)
fails("never negative", g.filesize, "/x")
fails("never negative", g.blockdev_getsz, "/dev/sda")
fails("never negative", g.wc_l, "/x")
fails("never negative", g.nr_devices)
fails("the result is -1", g.part_get_gpt_attributes, "/dev/sda", 1)
g.close()
print("ok")
"#;
    let mut python = command("/usr/bin/python3");
    python.env("LIBGUESTFS_BACKEND", format!("unix:{}", socket.display())).args(["-X", "faulthandler", "-c", script]);
    run_ok(python.env_remove("PYTHONPATH"));
    daemon.join().unwrap();
}
