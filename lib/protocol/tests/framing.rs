//! Headers, length words, chunks and the other fixed parts of the protocol.

use guestfs_protocol::message::{Chunk, ErrorReply, Header, Progress, Word};
use guestfs_protocol::xdr::{from_slice, XdrError, MESSAGE_MAX};

#[test]
fn length_words() {
    assert_eq!(Word::classify(0xf5f5_5ff5), Ok(Word::Launch));
    assert_eq!(Word::classify(0xffff_eeee), Ok(Word::Cancel));
    assert_eq!(Word::classify(0xffff_5555), Ok(Word::Progress));
    assert_eq!(Word::classify(0), Ok(Word::Message(0)));
    assert_eq!(Word::classify(MESSAGE_MAX as u32), Ok(Word::Message(MESSAGE_MAX)));
    for word in [MESSAGE_MAX as u32 + 1, i32::MAX as u32, u32::MAX] {
        assert!(matches!(Word::classify(word), Err(XdrError::TooLong { .. })), "{word:#x}");
    }
}

#[test]
fn headers_with_words_outside_their_domain() {
    let good = guestfs_protocol::xdr::to_vec(&Header::call(92, 7, 0, 0)).unwrap();
    assert_eq!(good.len(), 40);
    assert_eq!(from_slice::<Header>(&good), Ok(Header::call(92, 7, 0, 0)));
    for (offset, name) in [(12, "direction"), (36, "status")] {
        for value in [2u32, u32::MAX] {
            let mut bad = good.clone();
            bad[offset..offset + 4].copy_from_slice(&value.to_be_bytes());
            assert!(matches!(from_slice::<Header>(&bad), Err(XdrError::BadValue { what, .. }) if what == name));
        }
    }
    for end in 0..40 {
        assert!(from_slice::<Header>(&good[..end]).is_err());
    }
}

#[test]
fn chunks_errors_and_progress() {
    let chunk = |data: &[u8], limit| {
        let mut e = guestfs_protocol::xdr::Encoder::new();
        Chunk { cancel: false, data }.encode(&mut e).unwrap();
        let bytes = e.into_vec();
        Chunk::decode(&bytes, limit).map(|c| c.data.len())
    };
    assert_eq!(chunk(&[], 8192), Ok(0));
    assert_eq!(chunk(&[1; 8192], 8192), Ok(8192));
    assert!(chunk(&[1; 8193], 8192).is_err());

    let long = ErrorReply { errno_string: "E".repeat(40).into(), message: "x".repeat(70_000).into() };
    let cut: ErrorReply = from_slice(&guestfs_protocol::xdr::to_vec(&long).unwrap()).unwrap();
    assert_eq!((cut.errno_string.len(), cut.message.len()), (32, 65536));

    let progress = Progress { proc: 1, serial: 2, position: 3, total: u64::MAX };
    assert_eq!(guestfs_protocol::xdr::to_vec(&progress).unwrap().len(), 24);
}
