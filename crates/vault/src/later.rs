//! Goes on when a ticket is answered, without a thread that waits: the waker of the ticket does.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use hitherto_store::{Result, Ticket};

/// The answer of a ticket, changed.
pub(crate) fn map<T: Send + 'static, U: Send + 'static>(
    ticket: Ticket<T>,
    change: impl FnOnce(Result<T>) -> Result<U> + Send + 'static,
) -> Ticket<U> {
    then(ticket, |answer| Ticket::ready(change(answer)))
}

/// The answer of another ticket, which is asked for when the first is answered.
pub(crate) fn then<T: Send + 'static, U: Send + 'static>(
    ticket: Ticket<T>,
    next: impl FnOnce(Result<T>) -> Ticket<U> + Send + 'static,
) -> Ticket<U> {
    let (answered, completion) = Ticket::pending();
    on_answer(ticket, move |answer| {
        on_answer(next(answer), move |answer| completion.complete(answer));
    });
    answered
}

fn on_answer<T: Send + 'static>(ticket: Ticket<T>, act: impl FnOnce(Result<T>) + Send + 'static) {
    let waiting = Waiting { ticket, act: Box::new(act) };
    Arc::new(Waiter(Mutex::new(Some(waiting)))).look();
}

struct Waiting<T> {
    ticket: Ticket<T>,
    act: Box<dyn FnOnce(Result<T>) + Send>,
}

struct Waiter<T>(Mutex<Option<Waiting<T>>>);

impl<T: Send + 'static> Waiter<T> {
    fn look(self: &Arc<Self>) {
        let waker = Waker::from(Arc::clone(self));
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(asked) = waiting.as_mut() else { return };
        let polled = Pin::new(&mut asked.ticket).poll(&mut Context::from_waker(&waker));
        if let Poll::Ready(answer) = polled {
            let act = waiting.take().map(|asked| asked.act);
            drop(waiting); // what is done now may ask for more
            if let Some(act) = act {
                act(answer);
            }
        }
    }
}

impl<T: Send + 'static> Wake for Waiter<T> {
    fn wake(self: Arc<Self>) {
        self.look();
    }
}
