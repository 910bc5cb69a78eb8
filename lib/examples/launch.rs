//! Launch with scratch disks, print what happened and how long it took: `launch [DISKS] [IMAGE…]`.

use guestfs::protocol::opts::{AddDriveOpts, AddDriveScratchOpts};
use guestfs::{EventClass, Handle};
use std::time::Instant;

fn main() -> guestfs::Result<()> {
    let mut args = std::env::args_os().skip(1);
    let disks: usize = args.next().and_then(|n| n.to_str()?.parse().ok()).unwrap_or(1);
    let start = Instant::now();
    let g = Handle::new()?;
    let mask = EventClass::Appliance.bit() | EventClass::Library.bit();
    // The console comes in pieces: put lines together.
    let partial = std::sync::Mutex::new(String::new());
    g.add_event_callback(mask, move |_, event| {
        let text = String::from_utf8_lossy(event.data);
        let now = start.elapsed().as_secs_f64();
        if event.class == EventClass::Library {
            println!("{now:7.3} {text}");
        } else if let Ok(mut partial) = partial.lock() {
            partial.push_str(&text);
            while let Some((line, rest)) = partial.clone().split_once('\n') {
                println!("{now:7.3} | {}", line.trim_end());
                *partial = rest.to_owned();
            }
        }
    });
    for _ in 0..disks {
        g.add_drive_scratch(64 << 20, AddDriveScratchOpts::new())?;
    }
    for image in args {
        use std::os::unix::ffi::OsStrExt;
        g.add_drive(image.as_bytes(), AddDriveOpts::new().readonly(true))?;
    }
    let launch = Instant::now();
    g.launch()?;
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", g.get_pid()?)).unwrap_or_default();
    // Fields 14 and 15: user and system time in hundredths of a second.
    let ticks: Vec<f64> = stat.split(' ').skip(13).take(2).filter_map(|t| t.parse().ok()).collect();
    println!("launched in {:.3} s; processor time of qemu: {ticks:?}/100 s", launch.elapsed().as_secs_f64());
    let first = Instant::now();
    println!("devices: {:?} ({:.3} s)", g.list_devices()?, first.elapsed().as_secs_f64());
    let end = Instant::now();
    g.shutdown()?;
    println!("shut down in {:.3} s", end.elapsed().as_secs_f64());
    Ok(())
}
