//! `-d` and `-c`: the disks of a domain of libvirt's test driver. Nothing is launched.

use std::io::Write as _;
use std::process::{Command, Output};

const UUID: &str = "12345678-1234-1234-1234-123456789abc";

fn guestfish(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_guestfish"));
    command.args(args).env_remove("LIBVIRT_DEFAULT_URI").env("LC_ALL", "C").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn disks_of_a_domain() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let (disk, cd, other) = (path("disk.img"), path("cd.iso"), path("other.img"));
    for image in [&disk, &cd, &other] {
        std::fs::File::create(image).unwrap().set_len(1 << 20).unwrap();
    }
    let node = format!(
        "<node><domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'><name>guest</name>\
         <uuid>{UUID}</uuid><memory>8192</memory><os><type>hvm</type></os><devices>\
         <disk type='file'><driver type='raw'/><source file='{disk}'/><target dev='vda'/></disk>\
         <disk type='file' device='cdrom'><source file='{cd}'/><target dev='hda'/><readonly/></disk>\
         </devices><test:runstate>5</test:runstate></domain></node>"
    );
    std::fs::write(path("node.xml"), node).unwrap();
    let uri = format!("test://{}", path("node.xml"));
    for (name, ro, option) in [("guest", "", ""), (UUID, "--ro", "\"readonly:true\" ")] {
        let mut args = vec!["-x", "-c", &uri, "-d", name, "-a", &other, "get-autosync"];
        args.extend(Some(ro).filter(|o| !o.is_empty()));
        let out = guestfish(&args);
        let stderr = text(&out.stderr);
        if stderr.contains("libvirt cannot be used") {
            // Not with a macro, whose output the test harness keeps for itself.
            writeln!(std::io::stdout(), "\nnot run: guestfish -d, libvirt0 is not installed").unwrap();
            return;
        }
        assert!(out.status.success(), "{stderr}");
        let calls: Vec<&str> = stderr
            .lines()
            .filter_map(|l| l.split_once("trace: add_d"))
            .map(|l| l.1)
            .filter(|l| !l.contains(" = "))
            .collect();
        let trailing = option.trim_end();
        let expected = [
            format!("omain \"{name}\" \"libvirturi:{uri}\" {option}\"allowuuid:true\" \"readonlydisk:read\""),
            format!("rive \"{disk}\" {option}\"format:raw\""),
            format!("rive \"{cd}\" \"readonly:true\""),
            format!("rive \"{other}\" {trailing}").trim_end().to_owned(),
        ];
        assert_eq!(calls, expected, "{stderr}");
    }
    let out = guestfish(&["-c", &uri, "-d", "nobody", "get-autosync"]);
    assert!(!out.status.success());
    assert!(text(&out.stderr).contains("no libvirt domain called 'nobody'"), "{}", text(&out.stderr));
}
