//! Building the appliance.
//!
//! In: a [`Request`] (tool list, daemon, kernel, shape). Out: `kernel`, `initrd`, `root` and
//! `manifest.json` in a directory, about two seconds later. Tools that are missing are left out and
//! named; a module or library that something present needs is an error, so that what is built boots.

use super::cpio::{Archive, Node};
use super::digest::{self, Stamp};
use super::hostfs::HostFs;
use super::kernel::Kernel;
use super::kmod::{self, Module, Modules};
use super::manifest::{FileFacts, Manifest, FILES, FORMAT};
use super::pack::{self, failed};
use super::recipe::Recipe;
use super::tree::{self, Entry, Tree};
use super::{elf, kernel, locate, vmlinux};
use crate::error::LaunchFailure;
use crate::machine::LaunchError;
use guestfs_protocol::groups::{GroupState, GROUPS};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What machine the appliance is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The library's own: root by virtio-blk, squashfs.
    Own,
    /// A directory that any libguestfs may start: root found by UUID, ext4.
    Fixed,
}

/// What to build from.
#[derive(Debug, Clone)]
pub struct Request {
    /// What goes in.
    pub recipe: Recipe,
    /// The static guestfsd.
    pub daemon: PathBuf,
    /// The program in which it runs foreign libraries, if there is one.
    pub worker: Option<PathBuf>,
    /// The kernel to start.
    pub kernel: Kernel,
    /// For which machine.
    pub shape: Shape,
}

impl Request {
    /// The tool list compiled in, the daemon and kernel found on this host.
    pub fn new(shape: Shape) -> Result<Request, LaunchError> {
        let recipe = Recipe::builtin().map_err(|e| failed("appliance.toml", e))?;
        let daemon = locate::daemon().map_err(|e| LaunchError::new(LaunchFailure::NoAppliance, e))?;
        let kernel = kernel::find(&kernel::data_dirs()).map_err(|e| {
            LaunchError::new(LaunchFailure::KernelUnreadable, e)
                .help("run: guestfs-appliance fetch-kernel (downloads Debian's kernel package; needs no root)")
        })?;
        Ok(Request { recipe, daemon, worker: locate::worker(), kernel, shape })
    }

    /// Names what was asked for, not what it came out as: equal for every build that may take the
    /// place of this one.
    pub fn slot(&self) -> String {
        let path = |p: &Path| p.as_os_str().as_encoded_bytes().to_vec();
        let shape = [self.shape as u8];
        let format = FORMAT.to_le_bytes();
        let worker = self.worker.as_deref().map(path).unwrap_or_default();
        let (daemon, image, modules) = (path(&self.daemon), path(&self.kernel.image), path(&self.kernel.modules));
        digest::of_parts(&[
            &format,
            env!("CARGO_PKG_VERSION").as_bytes(),
            &shape,
            self.recipe.text.as_bytes(),
            &daemon,
            &worker,
            &image,
            &modules,
        ])
    }
}

pub(super) fn io(path: &Path, e: &std::io::Error) -> LaunchError {
    failed("files", format!("{}: {}", path.display(), crate::error::io_text(e))).errno(e.raw_os_error().unwrap_or(0))
}

/// Build into `dir`, an empty private directory. `say` gets one line a noteworthy thing.
pub fn build(request: &Request, dir: &Path, say: &dyn Fn(&str)) -> Result<Manifest, LaunchError> {
    let mut host = HostFs::new();
    let mut manifest = Manifest {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        request: request.slot(),
        kernel_release: request.kernel.release.clone(),
        ..Manifest::default()
    };
    let daemon = read_daemon(&request.daemon)?;
    let mut tree = Tree::default();
    // Before anything is read: a file that changes under our hands must count as changed.
    for path in [&request.daemon, &request.kernel.image, &request.kernel.modules] {
        tree.inputs.insert(path.clone());
    }
    let worker = add_worker(request.worker.as_deref(), &mut host, &mut tree);
    if let Err(why) = &worker {
        say(&format!("appliance: left out: {why}"));
    }
    collect_tools(&request.recipe, &worker, &mut host, &mut tree, &mut manifest, say);
    let mut stamps = Vec::new();
    for path in &tree.inputs {
        stamps.push((path.clone(), Stamp::of(path).map_err(|e| io(path, &e))?));
    }
    manifest.inputs = stamps;

    std::thread::scope(|scope| {
        let plain = scope.spawn(|| write_kernel(&request.kernel, &dir.join("kernel")));
        let modules = Modules::open(&request.kernel.modules).map_err(|e| failed("kernel modules", e))?;
        let squash = host.program("mksquashfs").filter(|_| request.shape == Shape::Own);
        write_initrd(request, &modules, squash.is_none(), &daemon, &dir.join("initrd"))?;
        add_modules(request, &modules, &mut tree)?;
        add_made_files(request, daemon, &mut tree, &manifest);
        manifest.root_type = write_root(squash, &mut host, &tree, dir)?.to_owned();
        plain.join().map_err(|_| failed("kernel", "unpacking the kernel failed"))?
    })?;
    manifest.absent_programs = std::mem::take(&mut host.absent_programs);
    manifest.absent_libraries = std::mem::take(&mut host.absent_libraries);
    for name in FILES {
        let path = dir.join(name);
        let size = path.metadata().map_err(|e| io(&path, &e))?.len();
        let sha256 = digest::of_file(&path).map_err(|e| io(&path, &e))?;
        manifest.files.insert(name.to_owned(), FileFacts { size, sha256 });
    }
    let json = serde_json::to_vec(&manifest).map_err(|e| failed("manifest", e.to_string()))?;
    let path = dir.join("manifest.json");
    std::fs::write(&path, json).map_err(|e| io(&path, &e))?;
    Ok(manifest)
}

/// The daemon is PID 1 before any library exists: it must be static.
fn read_daemon(path: &Path) -> Result<Vec<u8>, LaunchError> {
    let data = tree::read_file(path).map_err(|e| failed("guestfsd", e))?;
    let info =
        elf::dynamic(&data, Path::new("/")).map_err(|e| failed("guestfsd", format!("{}: {e}", path.display())))?;
    if info.interpreter.is_some() || !info.needed.is_empty() {
        return Err(failed("guestfsd", format!("{}: not statically linked", path.display()))
            .help("build it with RUSTFLAGS='-C target-feature=+crt-static' and --target x86_64-unknown-linux-gnu"));
    }
    Ok(data)
}

/// The program of the foreign libraries, in the root image only; the error says why it is not there.
fn add_worker(worker: Option<&Path>, host: &mut HostFs, tree: &mut Tree) -> Result<(), String> {
    let path = worker.ok_or_else(|| format!("{} not found", locate::WORKER))?;
    tree.program_at(host, path, &Path::new("/usr/sbin").join(locate::WORKER))
        .map_err(|e| format!("{}: {e}", path.display()))
}

fn collect_tools(
    recipe: &Recipe,
    worker: &Result<(), String>,
    host: &mut HostFs,
    tree: &mut Tree,
    manifest: &mut Manifest,
    say: &dyn Fn(&str),
) {
    let mut tools = BTreeMap::<&str, Option<String>>::new();
    for set in &recipe.tools {
        let mut off = worker.clone().err().filter(|_| set.worker);
        for name in &set.run {
            match tree.program(host, name) {
                Ok(()) => {
                    manifest.tools.insert(name.clone());
                }
                Err(why) => {
                    let why = format!("{why} (package {})", set.package);
                    say(&format!("appliance: left out: {why}"));
                    manifest.missing.insert(name.clone(), why.clone());
                    off.get_or_insert(why);
                }
            }
        }
        for name in &set.maybe {
            if tree.program(host, name).is_ok() {
                manifest.tools.insert(name.clone());
            }
        }
        for library in &set.libraries {
            if let Err(why) = any_library(host, tree, library.names()) {
                let why = format!("{why} (package {})", set.package);
                say(&format!("appliance: left out: {why}"));
                off.get_or_insert(why);
            }
        }
        for path in &set.data {
            for why in tree.data(Path::new(path)) {
                say(&format!("appliance: {}: left out: {why}", set.package));
            }
        }
        for group in &set.groups {
            let slot = tools.entry(group.as_str()).or_default();
            if slot.is_none() {
                slot.clone_from(&off);
            }
        }
    }
    manifest.groups = groups(&tools);
}

/// The first of these that the host has.
fn any_library(host: &mut HostFs, tree: &mut Tree, names: &[String]) -> Result<(), String> {
    match names.iter().find(|name| host.library(name, &[]).is_some()) {
        Some(name) => tree.library(host, name),
        None => Err(format!("library {} not found", names.join(" or "))),
    }
}

/// Why each group of the API is off, if it is: the daemon answers so, and `guestfs-appliance list`.
fn groups(tools: &BTreeMap<&str, Option<String>>) -> BTreeMap<String, Option<String>> {
    let off = |name: &str, state: GroupState| match tools.get(name) {
        Some(off) if state == GroupState::WithTools => off.clone(),
        _ => state.off().map(str::to_owned),
    };
    GROUPS.iter().map(|(name, state)| ((*name).to_owned(), off(name, *state))).collect()
}

/// The uncompressed kernel: the one unpacked beside the image when it was fetched, else unpacked now.
fn write_kernel(kernel: &Kernel, to: &Path) -> Result<(), LaunchError> {
    let beside = kernel.image.with_file_name(format!("vmlinux-{}", kernel.release));
    let newer = |a: &Path, b: &Path| Some(a.metadata().ok()?.modified().ok()? >= b.metadata().ok()?.modified().ok()?);
    if newer(&beside, &kernel.image) == Some(true) && std::fs::copy(&beside, to).is_ok() {
        return Ok(());
    }
    let image = tree::read_file(&kernel.image).map_err(|e| failed("kernel", e))?;
    let unreadable = |e: std::io::Error| failed("kernel", format!("{}: {e}", kernel.image.display()));
    let plain = vmlinux::extract(&image).map_err(unreadable)?;
    // Without a PVH entry only the original image can be started.
    std::fs::write(to, if vmlinux::has_pvh(&plain) { &plain } else { &image }).map_err(|e| io(to, &e))
}

fn module_error(e: String) -> LaunchError {
    failed("kernel modules", e)
        .help("the kernel's modules are incomplete: reinstall it or run guestfs-appliance fetch-kernel")
}

/// `/init`, `/modules/order` and the modules it names, `/dev/console`.
fn write_initrd(
    request: &Request,
    modules: &Modules,
    root_is_ext4: bool,
    daemon: &[u8],
    to: &Path,
) -> Result<(), LaunchError> {
    let wanted = match request.shape {
        Shape::Own => &request.recipe.kernel.initrd,
        Shape::Fixed => &request.recipe.kernel.initrd_fixed,
    };
    // ext4 asks the kernel's crypto layer for crc32c by an alias, which no dependency names.
    let root: &[&str] = if root_is_ext4 { &["crc32c_generic", "ext4"] } else { &[] };
    let list = modules.closure(wanted.iter().map(String::as_str).chain(root.iter().copied())).map_err(module_error)?;
    for need in ["virtio_console", "virtio_scsi", "sd_mod"] {
        if !modules.is_builtin(need) && !list.iter().any(|m| m.name == need) {
            return Err(module_error(format!("kernel {} has no {need}", request.kernel.release)));
        }
    }
    let mut order = String::new();
    let mut archive = || -> std::io::Result<Vec<u8>> {
        let mut archive = Archive::new(Vec::new());
        for dir in ["dev", "proc", "sys", "run", "tmp", "sysroot", "root.new", "modules"] {
            archive.add(dir, Node::Directory)?;
        }
        archive.add("dev/console", Node::Device { major: 5, minor: 1 })?;
        archive.add("dev/null", Node::Device { major: 1, minor: 3 })?;
        archive.add("init", Node::File { data: daemon, executable: true })?;
        for Module { name, data, .. } in &list {
            let path = format!("modules/{name}.ko");
            archive.add(&path, Node::File { data, executable: false })?;
            order.push_str(&format!("/{path}\n"));
        }
        archive.add("modules/order", Node::File { data: order.as_bytes(), executable: false })?;
        archive.finish()
    };
    let archive = archive().map_err(|e| failed("initrd", e.to_string()))?;
    std::fs::write(to, archive).map_err(|e| io(to, &e))
}

fn add_modules(request: &Request, modules: &Modules, tree: &mut Tree) -> Result<(), LaunchError> {
    let list = modules.closure(request.recipe.root_modules()).map_err(module_error)?;
    let base = Path::new("usr/lib/modules").join(&request.kernel.release);
    let mut text = |name: &str, data: String| {
        tree.put(base.join(name), Entry::Bytes { data: data.into_bytes(), executable: false });
    };
    text("modules.dep", kmod::dep_index(&list));
    text("modules.alias", kmod::alias_index(&list));
    text("modules.softdep", kmod::softdep_index(&list));
    let builtin = std::fs::read_to_string(request.kernel.modules.join("modules.builtin")).unwrap_or_default();
    text("modules.builtin", builtin);
    for module in list {
        tree.put(base.join(&module.path), Entry::Bytes { data: module.data, executable: false });
    }
    Ok(())
}

fn add_made_files(request: &Request, daemon: Vec<u8>, tree: &mut Tree, manifest: &Manifest) {
    for dir in &request.recipe.directories {
        if !tree.entries.contains_key(Path::new(dir)) {
            tree.put(dir, Entry::Directory);
        }
    }
    for (path, text) in &request.recipe.files {
        tree.put(path, Entry::Bytes { data: text.clone().into_bytes(), executable: false });
    }
    for (path, target) in &request.recipe.links {
        tree.put(path, Entry::Symlink(target.into()));
    }
    let facts = manifest.for_daemon().into_bytes();
    tree.put("etc/guestfs-rs/appliance", Entry::Bytes { data: facts, executable: false });
    tree.put("usr/sbin/guestfsd", Entry::Bytes { data: daemon, executable: true });
}

/// Stage and pack the root: squashfs with the tool given, else ext4. Returns its type.
fn write_root(
    squash: Option<PathBuf>,
    host: &mut HostFs,
    tree: &Tree,
    dir: &Path,
) -> Result<&'static str, LaunchError> {
    let staged = dir.join("stage");
    let root = dir.join("root");
    let size = pack::stage(tree, &staged)?;
    let kind = match squash {
        Some(tool) => pack::squashfs(&tool, &staged, &root).map(|()| "squashfs")?,
        None => {
            let tool = host.program("mke2fs").unwrap_or_else(|| PathBuf::from("mke2fs"));
            let uuid = super::random_uuid().map_err(|e| failed("files", e))?;
            pack::ext4(&tool, &staged, size, tree.entries.len(), &uuid, &root).map(|()| "ext4")?
        }
    };
    std::fs::remove_dir_all(&staged).map_err(|e| io(&staged, &e))?;
    Ok(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_switches_its_groups_off_and_is_named() {
        let recipe = Recipe::parse(
            "directories=[]\n[kernel]\ninitrd=[]\ninitrd_fixed=[]\nroot=[]\n\
             [[tools]]\npackage='p1'\ngroups=['lvm2', 'btrfs']\nrun=['true']\n\
             [[tools]]\npackage='p2'\ngroups=['gdisk', 'wipefs']\nrun=['cat', 'no-such-tool']\nmaybe=['nor-this']\n\
             [[tools]]\npackage='p3'\ngroups=['wipefs']\nrun=['ls']\n\
             [[tools]]\npackage='p4'\ngroups=['luks']\nrun=['echo']\nlibraries=['libnothing.so.9']\n\
             [[tools]]\npackage='p6'\ngroups=['libyara']\nrun=[]\nlibraries=[['libnothing.so.9', 'libc.so.6']]\n\
             [[tools]]\npackage='p7'\ngroups=['libtsk']\nrun=[]\nlibraries=[['libnothing.so.9', 'libnothing.so.10']]\n\
             [[tools]]\npackage='p5'\ngroups=['hivex']\nworker=true\nlibraries=['libc.so.6']\n",
        )
        .unwrap();
        let (mut tree, mut manifest, mut host) = (Tree::default(), Manifest::default(), HostFs::new());
        let said = std::cell::RefCell::new(Vec::new());
        let worker = add_worker(None, &mut host, &mut tree);
        let say = |l: &str| said.borrow_mut().push(l.to_owned());
        collect_tools(&recipe, &worker, &mut host, &mut tree, &mut manifest, &say);
        let off = |group: &str| manifest.groups[group].clone();
        assert_eq!(off("lvm2"), None);
        let why = "no-such-tool not found (package p2)".to_owned();
        assert_eq!(off("gdisk"), Some(why.clone()));
        assert_eq!(off("wipefs"), Some(why.clone()));
        assert_eq!(off("luks").unwrap(), "library libnothing.so.9 not found (package p4)");
        assert_eq!(off("hivex").unwrap(), "guestfs-worker not found");
        assert_eq!(off("libyara"), None);
        assert_eq!(off("libtsk").unwrap(), "library libnothing.so.9 or libnothing.so.10 not found (package p7)");
        // Every group of the API has an answer: those that need no tool and those that have none here.
        assert!(manifest.groups.keys().map(String::as_str).eq(GROUPS.iter().map(|(name, _)| *name)));
        assert_eq!(off("mknod"), None);
        assert!(off("zerofree").unwrap().contains("no appliance of this version"));
        assert_eq!(manifest.missing.get("no-such-tool"), Some(&why));
        assert!(said.borrow().iter().any(|l| l.contains(&why)));
        assert!(manifest.for_daemon().contains("group gdisk off no-such-tool"));
        // The others of the set are there all the same, and all three names are watched for.
        assert!(manifest.tools.contains("cat") && tree.entries.contains_key(Path::new("usr/bin/cat")));
        assert_eq!(host.absent_programs.len(), 2);
    }
}
