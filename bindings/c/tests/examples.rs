//! The C programs of manuals compile with our header and link with our library: upstream's, taken out of
//! Debian's pages when the test runs (libguestfs-dev), and those of our own guestfs(3).

mod support;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::roff::{blocks, Block};
use support::{command, file, library, run, scratch};

fn cc() -> Command {
    Command::new(std::env::var_os("CC").unwrap_or("cc".into()))
}

/// Source of an installed page; `None` and a line that says so when it is not there.
fn page(name: &str) -> Option<String> {
    let out = Command::new("man").args(["-w", "3", name]).output();
    let path = out.ok().filter(|o| o.status.success()).map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned());
    let Some(path) = path else {
        println!("not run: C programs of {name}(3): install libguestfs-dev and man-db");
        return None;
    };
    let text = if path.ends_with(".gz") {
        run(Command::new("gzip").args(["-dc", &path])).stdout
    } else {
        std::fs::read(&path).unwrap()
    };
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// Blocks that are whole programs.
fn programs(page: &str) -> Vec<Block> {
    let mut all = blocks(page);
    all.retain(|b| b.text.contains("#include <guestfs.h>") && b.text.lines().any(|l| l.starts_with("main (")));
    all
}

/// A name for a file, from a section's title.
fn word(title: &str) -> String {
    let title = title.strip_prefix("EXAMPLE: ").unwrap_or(title).to_lowercase();
    title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect::<Vec<_>>().join("-")
}

/// Compile and link as a user would; deprecated calls are upstream's own choice.
fn build(dir: &Path, name: &str, text: &str, flags: &[&str]) -> PathBuf {
    let (source, out) = (dir.join(format!("{name}.c")), dir.join(name));
    std::fs::write(&source, text).unwrap();
    let mut cc = cc();
    cc.args(["-std=gnu11", "-g", "-Wall", "-Werror", "-Wno-deprecated-declarations"]).args(flags);
    cc.arg("-I").arg(file("generated/c")).arg("-o").arg(&out).arg(&source).arg("-L").arg(library());
    run(cc.args(["-lguestfs", "-lpthread", "-ldl"]));
    out
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn programs_of_upstreams_examples() {
    let Some(page) = page("guestfs-examples") else { return };
    let dir = scratch("examples");
    let all = programs(&page);
    let names: Vec<String> = all.iter().map(|b| word(&b.section)).collect();
    assert!(all.len() >= 8, "only {names:?}: is the page another one?");
    for (program, name) in all.iter().zip(&names) {
        build(&dir, name, &program.text, &[]);
        println!("compiled: {name}");
    }
    let program =
        |part: &str| dir.join(names.iter().find(|n| n.contains(part)).unwrap_or_else(|| panic!("{part} of {names:?}")));
    // Makes disk.img in its directory: partitions, a file system, files.
    let output = run(command(program("create-a-disk")).current_dir(&dir));
    assert!(text(&output).contains("trace: shutdown"), "{}", text(&output));
    let image = dir.join("disk.img");
    assert!(image.metadata().unwrap().len() == 512 << 20);
    // Looks into it: no operating system there, which it says and fails.
    let output = command(program("inspect")).arg(&image).output().unwrap();
    assert!(!output.status.success() && text(&output).contains("no operating systems found"), "{}", text(&output));
    // Sends what the library and the appliance say to syslog, whether there is one or not.
    let output = run(&mut command(program("debugging")));
    assert!(text(&output).contains("no output from this program"), "{}", text(&output));
    // What takes arguments says so without them.
    for (part, usage) in [("icon", "usage"), ("mount-local", "Usage"), ("dhcp", "Usage"), ("multiple", "copy-over")] {
        let output = command(program(part)).output().unwrap();
        assert!(!output.status.success() && text(&output).contains(usage), "{part}: {}", text(&output));
    }
}

#[test]
fn programs_of_upstreams_manual() {
    let Some(page) = page("guestfs") else { return };
    let dir = scratch("upstream");
    let all = programs(&page);
    assert!(!all.is_empty(), "no program in guestfs(3): is the page another one?");
    for (n, program) in all.iter().enumerate() {
        // Written in the C of before 1999: `main` has no type. It asks the linked libraries for a function that
        // it does not call, so the linker must not leave ours out.
        let flags =
            ["-Wl,--no-as-needed", "-std=gnu89", "-Wno-implicit-int", "-Wno-return-type", "-Wno-unused-variable"];
        let program = build(&dir, &format!("{}-{n}", word(&all[n].section)), &program.text, &flags);
        let output = command(program).output().unwrap();
        assert!(text(&output).contains("has guestfs_dd function"), "{}", text(&output));
    }
}

fn our_manual() -> Vec<Block> {
    blocks(&std::fs::read_to_string(file("generated/man/guestfs.3")).unwrap())
}

/// Every declaration that the manual shows, after the header: the compiler refuses one that differs.
#[test]
fn declarations_of_our_manual() {
    let mut text =
        String::from("#define GUESTFS_PRIVATE 1\n#define GUESTFS_NO_WARN_DEPRECATED 1\n#include <guestfs.h>\n");
    let (mut functions, mut structs) = (0, String::new());
    for block in our_manual() {
        if block.text.starts_with("struct guestfs_") && block.text.contains(" {\n") && !block.text.contains(".bitmask")
        {
            structs += &block.text;
        } else if (block.text.contains("(guestfs_h *g") || block.text.starts_with("guestfs_h *guestfs_"))
            && block.text.trim_end().ends_with(");")
            && !block.text.contains("-1);")
        {
            functions += block.text.matches("(guestfs_h *g").count();
            text += &block.text;
        }
    }
    assert!(functions > 600, "only {functions} prototypes");
    // Structs under names of their own, and their sizes compared with the header's.
    let mut count = 0;
    let renamed = structs.replace("struct guestfs_", "struct manual_");
    text += &renamed;
    for name in structs.lines().filter_map(|l| l.strip_prefix("struct guestfs_")?.strip_suffix(" {")) {
        writeln!(text, "_Static_assert (sizeof (struct guestfs_{name}) == sizeof (struct manual_{name}), \"{name}\");")
            .unwrap();
        count += 1;
    }
    assert!(count > 40, "only {count} structs");
    let source = scratch("declarations").join("manual.c");
    std::fs::write(&source, text).unwrap();
    run(cc()
        .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I"])
        .arg(file("generated/c"))
        .arg(source));
}

/// The examples, which are statements: in a function, as a reader would put them.
#[test]
fn examples_of_our_manual() {
    let mut count = 0;
    for block in our_manual() {
        let (mut includes, mut body) = (String::from("#include <guestfs.h>\n"), String::new());
        let statements = block.text.starts_with("guestfs_") && !block.text.starts_with("guestfs_h *");
        if !statements && !block.text.contains("guestfs_create ();") {
            continue;
        }
        for line in block.text.lines() {
            if line.starts_with('#') {
                includes += &format!("{line}\n");
            } else if !line.starts_with("cc ") {
                body += &format!("  {line}\n");
            }
        }
        let handle = if body.contains("guestfs_h *g =") { "" } else { "  guestfs_h *g = guestfs_create ();\n" };
        let program = format!("{includes}\nint\nmain (void)\n{{\n{handle}{body}  return 0;\n}}\n");
        build(&scratch("manual"), &format!("example{count}"), &program, &["-Wextra"]);
        count += 1;
    }
    assert!(count >= 2, "only {count} examples");
}
