//! Which server, and what it has to promise before anything is kept there.

use std::fmt;
use std::time::Duration;

use hitherto::{Error, ErrorKind};
use tokio_postgres::{Client, Config};

use crate::address;
use crate::connection::Connection;
use crate::failure::Trouble;
use crate::tls::{self, Connector};

const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// A server that is gone without a word is noticed after about so long.
const SILENCE: Duration = Duration::from_secs(30);
/// Before it, things are missing that are used here.
const VERSION_MIN: i32 = 120_000;

/// Where to connect to, and how.
#[derive(Clone)]
pub(crate) struct Server {
    config: Config,
    connector: Connector,
    /// Whether what was committed may be lost by a crash of the server.
    may_forget: bool,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Server {
    /// Reads an address: see [`Postgres::connect`](crate::Postgres::connect).
    pub(crate) fn at(url: &str) -> Result<Self, Error> {
        let (mut config, protection) = address::read(url)?;
        let connector = tls::connector(&protection)?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_PATIENCE);
        }
        config.keepalives_idle(SILENCE);
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE);
        }
        Ok(Self { config, connector, may_forget: false })
    }

    pub(crate) fn that_may_forget(self) -> Self {
        Self { may_forget: true, ..self }
    }

    /// A connection that says what it is for, where the server's administrator can see it.
    pub(crate) async fn connect(&self, purpose: &str) -> Result<Client, Trouble> {
        let mut config = self.config.clone();
        config.application_name(purpose);
        let (client, connection) =
            config.connect(self.connector.clone()).await.map_err(explained)?;
        // It ends with the client; its error is what the client's next call gives.
        tokio::spawn(connection);
        Ok(client)
    }

    /// Makes sure that what is committed there stays, and can be written.
    pub(crate) fn check(&self, connection: &mut Connection) -> Result<(), Trouble> {
        const FACTS: &str = "select current_setting('server_version_num')::int4, pg_is_in_recovery(), \
             current_setting('synchronous_commit') = 'off', current_setting('fsync') = 'off'";
        let row = connection.query(FACTS, &[])?.remove(0);
        let (version, is_standby) = (row.get::<_, i32>(0), row.get::<_, bool>(1));
        let (answers_early, never_syncs) = (row.get::<_, bool>(2), row.get::<_, bool>(3));
        if version < VERSION_MIN {
            let version = version / 10_000;
            return Err(refused(format!("PostgreSQL {version} is too old: use 12 or newer")));
        }
        if is_standby {
            let message =
                "this PostgreSQL server is a standby and cannot be written: connect to its primary";
            return Err(Trouble::Server(Error::new(ErrorKind::Unavailable, message)));
        }
        let setting = match (answers_early, never_syncs) {
            (true, _) => "synchronous_commit",
            (_, true) => "fsync",
            _ => return Ok(()),
        };
        if self.may_forget {
            return Ok(());
        }
        Err(refused(format!(
            "{setting} is off on this PostgreSQL server, so that a crash can take back what was said to be \
             done: turn it on, or allow it with `Postgres::that_may_forget`"
        )))
    }
}

fn explained(error: tokio_postgres::Error) -> Trouble {
    match tls::distrust(&error) {
        Some(reason) => Trouble::Server(Error::new(ErrorKind::Unavailable, reason)),
        None => error.into(),
    }
}

fn refused(message: String) -> Trouble {
    Trouble::Statement(Error::invalid(message))
}
