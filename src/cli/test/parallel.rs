//! Work on many items at once, each on its own: one that panics takes no other with it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What `work` gives for each item, in the order of the items; the message of a panic instead of what
/// panicked, `None` for what was not begun because `stop` said so.
pub(super) fn each<T: Sync, R: Send>(
    items: &[T],
    workers: usize,
    stop: impl Fn() -> bool + Sync,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<Option<Result<R, String>>> {
    let next = AtomicUsize::new(0);
    let done: Vec<Mutex<Option<Result<R, String>>>> = items.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..workers.clamp(1, items.len().max(1)) {
            scope.spawn(|| {
                while !stop() {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let (Some(item), Some(slot)) = (items.get(index), done.get(index)) else { return };
                    let end = catch_unwind(AssertUnwindSafe(|| work(item))).map_err(|cause| said(&*cause));
                    if let Ok(mut slot) = slot.lock() {
                        *slot = Some(end);
                    }
                }
            });
        }
    });
    done.into_iter().map(|slot| slot.into_inner().ok().flatten()).collect()
}

/// The message of a panic.
fn said(cause: &(dyn Any + Send)) -> String {
    let text = cause.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| cause.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::each;

    #[test]
    fn results_come_in_order_and_a_panic_stays_with_its_item() {
        let items: Vec<usize> = (0..50).collect();
        let results = each(
            &items,
            4,
            || false,
            |item| {
                assert!(item % 7 != 3, "{item} breaks");
                item * 2
            },
        );
        for (item, result) in items.iter().zip(results) {
            match result.unwrap() {
                Ok(value) => assert_eq!((value, item % 7 != 3), (item * 2, true)),
                Err(message) => assert_eq!((message, item % 7), (format!("{item} breaks"), 3)),
            }
        }
    }

    #[test]
    fn nothing_is_begun_after_the_stop() {
        let begun = AtomicUsize::new(0);
        let count = || begun.load(Ordering::SeqCst);
        let results = each(&[(); 10], 1, || count() == 3, |()| begun.fetch_add(1, Ordering::SeqCst));
        assert_eq!(results.iter().filter(|result| result.is_some()).count(), 3);
        assert!(each(&[] as &[()], 4, || false, |()| ()).is_empty());
    }
}
