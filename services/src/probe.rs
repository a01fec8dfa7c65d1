//! Free ports, and waiting for something to become true.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(20);
const ANSWER_PATIENCE: Duration = Duration::from_secs(2);

/// Ports of the loopback that nobody listens to just now, all different.
pub(crate) fn free_ports<const N: usize>() -> Result<[u16; N], String> {
    let none = |error: std::io::Error| format!("there is no free port: {error}");
    let mut ports = [0; N];
    let mut held = Vec::with_capacity(N);
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(none)?;
        *port = listener.local_addr().map_err(none)?.port();
        held.push(listener);
    }
    Ok(ports)
}

/// Whether it becomes true before patience ends.
pub(crate) fn wait_until(patience: Duration, mut is_true: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    loop {
        if is_true() {
            return true;
        }
        if started.elapsed() > patience {
            return false;
        }
        std::thread::park_timeout(PAUSE);
    }
}

/// Whether anybody takes connections at this port.
pub(crate) fn listens(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Whether an HTTP server answers this with "200 OK".
pub(crate) fn answers(port: u16, path: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        connection.set_read_timeout(Some(ANSWER_PATIENCE))?;
        write!(connection, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut answer = [0; 12];
        connection.read_exact(&mut answer)?;
        Ok(answer.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}
