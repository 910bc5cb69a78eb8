//! The program: `/init` of an appliance, `modprobe` for its kernel, or a service, by how it is called.

use guestfsd::{init, kmod, service};
use std::process::ExitCode;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|info| {
        // One line: the console's last lines are what the user gets to see.
        let text = info.payload().downcast_ref::<&str>().copied();
        let text = text.or_else(|| info.payload().downcast_ref::<String>().map(String::as_str)).unwrap_or("");
        let place = info.location().map(|l| format!("{}:{}", l.file(), l.line())).unwrap_or_default();
        eprintln!("guestfsd: panic at {place}: {}", text.replace('\n', " "));
    }));
    let mut args = std::env::args_os();
    let program = args.next().unwrap_or_default();
    let program = std::path::Path::new(&program);
    if program.file_name().is_some_and(|name| name == "modprobe") {
        return ExitCode::from(kmod::modprobe(args.map(|a| a.to_string_lossy().into_owned())));
    }
    if std::process::id() == 1 {
        init::run();
    }
    let args: Vec<_> = args.collect();
    if args.iter().any(|a| a == "--help" || a == "-h") {
        println!("{}", service::USAGE);
        return ExitCode::SUCCESS;
    }
    match service::Options::parse(args.into_iter()) {
        Err(e) => {
            eprintln!("guestfsd: {e}\n{}", service::USAGE);
            ExitCode::from(2)
        }
        Ok(options) => match service::run(&options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(e) => {
                eprintln!("guestfsd: {e}");
                ExitCode::FAILURE
            }
        },
    }
}
