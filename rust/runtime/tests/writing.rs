//! Files are written whole or not at all, whoever else writes beside.

#![allow(clippy::unwrap_used, reason = "a law that cannot be checked fails")]

use ecology_runtime::artifact::write;

/// Names that differ in their ending only, from many threads at once.
#[test]
fn threads_that_write_beside_each_other_do_not_mix_their_files() {
    let folder = std::env::temp_dir().join(format!("ecology-writing-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::thread::scope(|scope| {
        for kind in 0..4_u8 {
            let path = folder.join(format!("router.{kind}"));
            scope.spawn(move || {
                for _ in 0..200 {
                    let bytes = vec![kind; 20_000 + usize::from(kind)];
                    write(&path, &bytes).unwrap();
                    assert!(std::fs::read(&path).unwrap() == bytes);
                }
            });
        }
    });
    let left = std::fs::read_dir(&folder).unwrap().count();
    // What cannot be put in place leaves nothing behind.
    let taken = folder.join("taken");
    std::fs::create_dir(&taken).unwrap();
    assert!(write(&taken, b"x").is_err());
    let after = std::fs::read_dir(&folder).unwrap().count();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!((left, after), (4, 5));
}
