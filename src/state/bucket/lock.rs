//! The lock of a state in a bucket: an object with the name of its holder, which the holder renews.
//!
//! The lock is courtesy: it tells the second run who holds the state. What keeps a run that lost the lock from
//! overwriting the state is the condition of every save.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::super::holder::Holder;
use super::super::{StateError, StateErrorKind};
use super::objects::{Condition, Objects, Tag, Written};
use super::{Tell, Times};

/// How often a write that meets another one is tried.
const TRIES: u32 = 6;

/// The content of the lock.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Content {
    /// Distinguishes this run from every other.
    id: String,
    #[serde(flatten)]
    holder: Holder,
    /// Grows with each renewal, so that no two versions are equal.
    renewals: u64,
}

impl Content {
    fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }
}

/// A lock that this run holds, or held.
pub(super) struct Held {
    objects: Arc<dyn Objects>,
    key: String,
    times: Times,
    now: Arc<Mutex<Now>>,
    renewing: JoinHandle<()>,
    /// Whether it was taken from a run that had not renewed it.
    pub taken_over: bool,
}

/// The lock as this run last wrote it.
struct Now {
    content: Content,
    tag: Tag,
    /// When it was last written. Two clocks, because one stands still while the machine sleeps.
    written: (Instant, SystemTime),
    /// Whether the last renewal had no answer.
    uncertain: bool,
    /// Why it is not held any more.
    lost: Option<StateError>,
}

impl Now {
    fn age(&self) -> Duration {
        self.written.0.elapsed().max(self.written.1.elapsed().unwrap_or_default())
    }
}

/// Acquires the lock of the state at `key`.
pub(super) async fn acquire(
    objects: &Arc<dyn Objects>,
    key: &str,
    command: &str,
    times: Times,
    tell: &Tell,
) -> Result<Held, StateError> {
    let content = Content { id: hex::encode(rand::random::<[u8; 16]>()), holder: Holder::this(command), renewals: 0 };
    let (mut taken_over, mut tries) = (false, 0);
    let tag = loop {
        tries += 1;
        if tries > TRIES {
            return Err(contended(&objects.place(key)));
        }
        match objects.put(key, content.bytes(), Condition::Absent).await? {
            Written::Yes(tag) => break tag,
            Written::Conflict => {
                tokio::time::sleep(times.between * tries).await;
                continue;
            }
            Written::No => {}
        }
        // The holder may have released it in the meantime.
        let Some(there) = objects.get(key).await? else { continue };
        let Ok(other) = serde_json::from_slice::<Content>(&there.body) else {
            return Err(unreadable(&objects.place(key)));
        };
        if other.id == content.id {
            // The answer to a call that wrote it was lost.
            break there.tag;
        }
        if there.age <= times.lease {
            return Err(locked(&objects.place(key), &other.holder, times.lease.saturating_sub(there.age)));
        }
        tell(&format!(
            "taking over the lock {}, which {} has not renewed for {} s",
            objects.place(key),
            other.holder,
            there.age.as_secs()
        ));
        taken_over = true;
        if let Written::Yes(tag) = objects.put(key, content.bytes(), Condition::Unchanged(there.tag)).await? {
            break tag;
        }
    };
    let now = Now { content, tag, written: (Instant::now(), SystemTime::now()), uncertain: false, lost: None };
    let now = Arc::new(Mutex::new(now));
    let renewing = {
        let (objects, key, now) = (Arc::clone(objects), key.to_owned(), Arc::clone(&now));
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(times.renewal).await;
                // The next save reports a failure.
                let _ = renew(&*objects, &key, &now).await;
            }
        })
    };
    Ok(Held { objects: Arc::clone(objects), key: key.to_owned(), times, now, renewing, taken_over })
}

/// Writes the lock again, if it is still this run's.
async fn renew(objects: &dyn Objects, key: &str, now: &Mutex<Now>) -> Result<(), StateError> {
    let mut now = now.lock().await;
    if let Some(lost) = &now.lost {
        return Err(lost.clone());
    }
    for _ in 0..TRIES {
        let content = Content { renewals: now.content.renewals + 1, ..now.content.clone() };
        let began = (Instant::now(), SystemTime::now());
        let written = objects.put(key, content.bytes(), Condition::Unchanged(now.tag.clone())).await;
        now.uncertain = written.is_err();
        if let Written::Yes(tag) = written? {
            *now = Now { content, tag, written: began, uncertain: false, lost: None };
            return Ok(());
        }
        // An earlier renewal may have arrived although its answer was lost.
        let there = objects.get(key).await?;
        let other = there.as_ref().and_then(|there| serde_json::from_slice::<Content>(&there.body).ok());
        match (there, other) {
            (Some(there), Some(other)) if other.id == content.id => {
                now.tag = there.tag;
                now.content = other;
            }
            (_, other) => {
                let lost = lost(&objects.place(key), other.as_ref().map(|other| &other.holder));
                now.lost = Some(lost.clone());
                return Err(lost);
            }
        }
    }
    Err(contended(&objects.place(key)))
}

impl Held {
    /// Checks that this run still holds the lock. Makes a call only if the last renewal is too old, for example because
    /// the process was stopped.
    pub(super) async fn check(&self) -> Result<(), StateError> {
        {
            let now = self.now.lock().await;
            if let Some(lost) = &now.lost {
                return Err(lost.clone());
            }
            if now.age() <= self.times.renewal * 2 {
                return Ok(());
            }
        }
        renew(&*self.objects, &self.key, &self.now).await
    }

    /// Releases the lock, unless somebody else holds it now.
    pub(super) async fn release(&self) -> Result<(), StateError> {
        // No renewal is in flight while this is held.
        let now = self.now.lock().await;
        self.renewing.abort();
        if now.lost.is_some() {
            return Ok(());
        }
        self.objects.delete(&self.key, &now.tag).await?;
        if !now.uncertain {
            return Ok(());
        }
        // The lock may be another version than the one that was to be deleted.
        let Some(there) = self.objects.get(&self.key).await? else { return Ok(()) };
        match serde_json::from_slice::<Content>(&there.body) {
            Ok(other) if other.id == now.content.id => self.objects.delete(&self.key, &there.tag).await,
            _ => Ok(()),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

/// The holder of the lock at `key`, and how long ago it renewed the lock; `None` if nobody holds it.
pub(super) async fn holder(
    objects: &dyn Objects,
    key: &str,
) -> Result<Option<(Option<Holder>, Tag, Duration)>, StateError> {
    let there = objects.get(key).await?;
    Ok(there.map(|there| {
        let content = serde_json::from_slice::<Content>(&there.body).ok();
        (content.map(|content| content.holder), there.tag, there.age)
    }))
}

const UNLOCK: &str = "if that run has ended without releasing it, run `securelambda state unlock`";

fn locked(place: &str, holder: &Holder, left: Duration) -> StateError {
    StateError {
        kind: StateErrorKind::Locked,
        message: format!("another run holds the lock {place}: {holder}"),
        hint: format!("wait until that run ends; {UNLOCK}, or wait {} s without a renewal", left.as_secs() + 1),
    }
}

fn contended(place: &str) -> StateError {
    StateError {
        kind: StateErrorKind::Locked,
        message: format!("several runs are acquiring the lock {place} at the same time"),
        hint: "run the command again".into(),
    }
}

fn unreadable(place: &str) -> StateError {
    StateError {
        kind: StateErrorKind::Locked,
        message: format!("{place} is not a lock that this program wrote"),
        hint: "look at it, and delete it if nobody needs it".into(),
    }
}

fn lost(place: &str, holder: Option<&Holder>) -> StateError {
    let how = match holder {
        Some(holder) => format!("is held by another run now: {holder}"),
        None => "was removed".to_owned(),
    };
    StateError {
        kind: StateErrorKind::Lost,
        message: format!("the lock {place} {how}; this run starts nothing more and overwrites nothing"),
        hint: "wait until that run ends, then run the same command again: it finds what this run created by its tags"
            .into(),
    }
}
