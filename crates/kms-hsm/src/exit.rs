//! The end of the process. C runs its exit handlers while other threads go on: those of SoftHSM and of OpenSSL take down what a
//! thread may be using in that moment, and now and then the process ended by SIGSEGV instead of with its status.

use std::ffi::{c_int, c_void};

#[expect(unsafe_code, reason = "functions of glibc that no crate offers; each call has its proof")]
unsafe extern "C" {
    fn on_exit(handler: extern "C" fn(c_int, *mut c_void), argument: *mut c_void) -> c_int;
    safe fn _exit(status: c_int) -> !;
}

/// From now on the process ends without the exit handlers that were registered so far: handlers run from the last to the
/// first, and this one never returns. Call it once a library is initialised, when its own are registered. Nothing of ours is
/// lost with them: Rust flushes its output before it calls `exit`, and tokens are written to when a call is made, as a process
/// that is killed needs it anyway.
#[expect(unsafe_code, reason = "functions of glibc that no crate offers; each call has its proof")]
pub(crate) fn skip_exit_handlers() {
    // SAFETY: the handler is a function of this program with the type that glibc asks for, and does not look at its
    // argument, which may therefore be null.
    let refused = unsafe { on_exit(end_now, std::ptr::null_mut()) };
    if refused != 0 {
        tracing::warn!("the process may end with a crash of the token's library: its exit handlers stay");
    }
}

extern "C" fn end_now(status: c_int, _argument: *mut c_void) {
    _exit(status);
}
