//! Replies that are encoded rightly and cannot be true.

use super::assert_sound;
use crate::error::{Error, ErrorKind};
use crate::fake::{bounded, ready, Raw};
use crate::handle::Handle;

/// Numbers that C programs take for failure, and others that no size or count can be: an error with words on
/// a connection that is as good as before. What may be negative arrives as it is.
#[test]
fn numbers_that_cannot_be() {
    let cannot_be = |number: Vec<u8>, call: &dyn Fn(&Handle) -> Option<Error>| {
        bounded(|| {
            let g = ready(move |mut peer| {
                let (h, _) = peer.request().unwrap();
                peer.ok(&h, &Raw(number));
                peer.serve();
            });
            let error = call(&g).expect("accepted");
            assert_eq!((error.kind(), error.errno()), (&ErrorKind::Protocol, libc::EPROTO), "{error}");
            assert!(error.message().ends_with(b"as result, which is never negative"), "{error}");
            assert_eq!(g.last_error().unwrap().message(), error.message());
            assert_sound(&g, &error);
        });
    };
    for number in [-1, i32::MIN] {
        let words = || number.to_be_bytes().to_vec();
        cannot_be(words(), &|g| g.wc_l("/x").err());
        cannot_be(words(), &|g| g.pwrite("/x", b"x", 0).err());
        cannot_be(words(), &|g| g.umask(0o22).err());
        cannot_be(words(), &|g| g.nr_devices().err());
    }
    for number in [-1, i64::MIN] {
        let words = || number.to_be_bytes().to_vec();
        cannot_be(words(), &|g| g.filesize("/x").err());
        cannot_be(words(), &|g| g.blockdev_getsize64("/dev/sda").err());
        cannot_be(words(), &|g| g.vfs_minimum_size("/dev/sda").err());
    }
    bounded(|| {
        let g = ready(|mut peer| {
            let (h, _) = peer.request().unwrap();
            peer.ok(&h, &Raw(i64::MIN.to_be_bytes().to_vec()));
            peer.serve();
        });
        assert_eq!(g.part_get_gpt_attributes("/dev/sda", 1).unwrap(), i64::MIN);
    });
}
