//! Reads lists page by page, and reads several listed resources at the same time.

use std::future::Future;

use futures_util::StreamExt;

use super::refusals::DENIED;
use crate::engine::{Failure, Listing, Resource, Unread};

/// How many listed resources of one kind are read at the same time.
const CLOSER_AT_ONCE: usize = 16;

/// Reads the resources that a list names, some of them at the same time. One that cannot be read is reported by its
/// name.
pub(super) async fn closer<R: Resource, F: Future<Output = Result<Listing, Failure>>>(
    looks: Vec<(String, F)>,
) -> Listing {
    let (names, looks): (Vec<String>, Vec<F>) = looks.into_iter().unzip();
    let seen: Vec<_> = futures_util::stream::iter(looks).buffered(CLOSER_AT_ONCE).collect().await;
    let mut listing = Listing::default();
    for (name, seen) in names.into_iter().zip(seen) {
        listing.extend(seen.unwrap_or_else(|failure| {
            let denied = DENIED.is(&failure);
            Listing::default().and_unread([Unread { denied, ..Unread::new::<R>(name, failure) }])
        }));
    }
    listing
}

/// Reads a paginator to its end, or to the first page that cannot be read: the pages, and the failure.
macro_rules! as_far_as_it_goes {
    ($pages:expr, $doing:expr) => {{
        let (mut pages, mut read, mut cut) = ($pages, Vec::new(), None);
        while let Some(page) = pages.next().await {
            match page.or_fail($doing) {
                Ok(page) => read.push(page),
                Err(failure) => {
                    cut = Some(failure);
                    break;
                }
            }
        }
        (read, cut)
    }};
}
pub(super) use as_far_as_it_goes;

/// Runs all calls, `at_once` of them at the same time. If one fails, the others are finished before its failure is
/// returned.
pub(super) async fn side_by_side<T, F: Future<Output = Result<T, Failure>>>(
    at_once: usize,
    calls: Vec<F>,
) -> Result<Vec<T>, Failure> {
    let done: Vec<_> = futures_util::stream::iter(calls).buffered(at_once).collect().await;
    done.into_iter().collect()
}

/// All entries of a list for which the SDK has no paginator. `page` returns the entries of one page and the marker of
/// the next one; an empty marker means that there is none (docs/aws.md, Web ACLs).
pub(super) async fn to_the_end<T, F: Future<Output = Result<(Option<Vec<T>>, Option<String>), Failure>>>(
    page: impl Fn(Option<String>) -> F,
) -> Result<Vec<T>, Failure> {
    whole(as_far_as_pages_go(page).await)
}

/// Turns a list that ended early into its failure.
pub(super) fn whole<T>((all, cut): (Vec<T>, Option<Failure>)) -> Result<Vec<T>, Failure> {
    cut.map_or(Ok(all), Err)
}

/// Like [`to_the_end`], but a failure does not discard the pages before it.
pub(super) async fn as_far_as_pages_go<T, F: Future<Output = Result<(Option<Vec<T>>, Option<String>), Failure>>>(
    page: impl Fn(Option<String>) -> F,
) -> (Vec<T>, Option<Failure>) {
    let (mut all, mut next) = (Vec::new(), None);
    loop {
        let (entries, more) = match page(next).await {
            Ok(page) => page,
            Err(failure) => return (all, Some(failure)),
        };
        all.extend(entries.unwrap_or_default());
        next = more.filter(|more| !more.is_empty());
        if next.is_none() {
            return (all, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn all_calls_finish_before_a_failure_is_returned() {
        let finished = AtomicUsize::new(0);
        let calls = (0..20).map(|n| {
            let finished = &finished;
            async move {
                tokio::task::yield_now().await;
                finished.fetch_add(1, Ordering::SeqCst);
                if n % 7 == 3 { Err(Failure::refused(format!("number {n}"))) } else { Ok(n) }
            }
        });
        assert_eq!(side_by_side(8, calls.collect()).await, Err(Failure::refused("number 3")));
        assert_eq!(finished.into_inner(), 20);
    }

    #[tokio::test]
    async fn a_list_ends_without_a_marker_or_with_an_empty_one() {
        for last in [None, Some(String::new())] {
            let asked = Mutex::new(Vec::new());
            let all = to_the_end(|next: Option<String>| {
                let mut asked = asked.lock().expect("nobody panics");
                asked.push(next);
                let page = match asked.len() {
                    1 => (Some(vec![1, 2]), Some("a".to_owned())),
                    2 => (None, Some("b".to_owned())),
                    _ => (Some(vec![3]), last.clone()),
                };
                async { Ok(page) }
            });
            assert_eq!(all.await, Ok(vec![1, 2, 3]));
            assert_eq!(asked.into_inner().expect("nobody panics"), [None, Some("a".into()), Some("b".into())]);
        }
    }
}
