//! A connection that has to be encrypted is, to the server that it is meant for, or there is none.

#![expect(clippy::unwrap_used, reason = "whatever fails here fails the test")]

use hitherto::ErrorKind;
use hitherto_postgres::Postgres;

use crate::common::Database;

fn refused(url: &str) -> (ErrorKind, String) {
    let error = Postgres::connect(url).unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
#[cfg(not(feature = "tls"))]
fn without_tls_nothing_is_sent_to_a_server_that_must_be_proven() {
    let Some(database) = Database::new("what is built without TLS") else { return };
    for mode in ["require", "verify-full"] {
        let (kind, said) = refused(&format!("{}?sslmode={mode}", database.url));
        assert!(kind == ErrorKind::Invalid && said.contains("built without"), "{said}");
    }
    Postgres::connect(&format!("{}?sslmode=prefer", database.url)).unwrap();
}

#[cfg(feature = "tls")]
mod encrypted {
    use std::path::{Path, PathBuf};

    use hitherto::projection::KeptModels;
    use hitherto::{Projector, Store, wait};
    use hitherto_postgres::ReadModels;
    use hitherto_services::{Own, POSTGRES};
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
    use tempfile::TempDir;

    use super::*;
    use crate::common::{Balances, Session, assert_is_as_built_afresh, open_accounts, quick};

    /// Somebody who says who is who.
    struct Authority {
        issuer: CertifiedIssuer<'static, KeyPair>,
        directory: TempDir,
    }

    impl Authority {
        fn new(name: &str) -> Self {
            let mut parameters = CertificateParams::new([]).unwrap();
            parameters.distinguished_name.push(DnType::CommonName, name);
            parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let key = KeyPair::generate().unwrap();
            let issuer = CertifiedIssuer::self_signed(parameters, key).unwrap();
            let directory = TempDir::new().unwrap();
            std::fs::write(directory.path().join("authority.pem"), issuer.pem()).unwrap();
            Self { issuer, directory }
        }

        fn file(&self) -> PathBuf {
            self.directory.path().join("authority.pem")
        }

        /// Has a server on the loopback prove that it is one of these hosts, from its next
        /// connection on.
        fn certify(&self, server: &Own, hosts: &[&str]) {
            let hosts = hosts.iter().map(ToString::to_string).collect::<Vec<_>>();
            let key = KeyPair::generate().unwrap();
            let parameters = CertificateParams::new(hosts).unwrap();
            let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
            let mut session = Session::open(&plain(server.url()));
            write(&mut session, "server.crt", &certificate.pem());
            write(&mut session, "server.key", &key.serialize_pem());
            session.run("alter system set ssl = on");
            session.run("select pg_reload_conf()");
            drop(session);
            let shown = || Session::open(&plain(server.url())).rows("show ssl")[0][0] == "on";
            while !shown() {
                std::thread::yield_now();
            }
        }
    }

    /// Writes a file that only the server's own user may read, into its data directory.
    fn write(session: &mut Session, name: &str, content: &str) {
        session.run(&format!(
            "copy (select line from unnest(string_to_array('{content}', E'\\n')) as line) \
             to program 'umask 077; cat > {name}'"
        ));
    }

    fn plain(url: &str) -> String {
        format!("{url}?sslmode=disable")
    }

    fn proven(url: &str, authorities: &Path) -> String {
        format!("{url}?sslmode=verify-full&sslrootcert={}", authorities.display())
    }

    /// How many connections of hitherto's own are open, by whether they are encrypted.
    fn connections(server: &Own) -> Vec<Vec<String>> {
        Session::open(&plain(server.url())).rows(
            "select ssl, count(*) > 0 from pg_stat_ssl join pg_stat_activity using (pid)
             where application_name like 'hitherto%' group by ssl",
        )
    }

    #[test]
    fn a_proven_server_is_projected_into_and_anybody_else_is_refused() {
        let Some(server) = Own::start(POSTGRES, "encrypted connections") else { return };
        let (ours, others) = (Authority::new("ours"), Authority::new("theirs"));

        // Before it can encrypt at all.
        let (kind, said) = refused(&proven(server.url(), &ours.file()));
        assert!(kind == ErrorKind::Unavailable && said.contains("does not support TLS"), "{said}");

        ours.certify(&server, &["127.0.0.1"]);
        let database = Database::on(server.url());
        let url = proven(&database.url, &ours.file());
        let store = Store::in_memory();
        open_accounts(&store, 3);
        let place = Postgres::connect(&url).unwrap();
        let starting = Projector::start(&store, place, Balances).settings(quick(2));
        let balances = wait(starting.into_future()).unwrap();
        wait(balances.catch_up()).unwrap();
        assert_eq!(connections(&server), [["t", "t"]], "all of them are encrypted");
        assert_is_as_built_afresh(&store, &database);
        assert_eq!(ReadModels::of(&url).unwrap().list().unwrap().len(), 1);
        drop(balances);

        let (kind, said) = refused(&proven(&database.url, &others.file()));
        assert_eq!(kind, ErrorKind::Unavailable, "{said}");
        assert!(
            said.contains("does not prove who it is") && said.contains("UnknownIssuer"),
            "{said}"
        );
        let (_, said) = refused(&format!("{}?sslmode=require", database.url));
        assert!(said.contains("sslrootcert"), "this machine does not trust it: {said}");
        let unproven = Postgres::connect(&format!("{}?sslmode=prefer", database.url)).unwrap();
        let starting = Projector::start(&store, unproven, Balances).settings(quick(1));
        let balances = wait(starting.into_future()).unwrap();
        wait(balances.catch_up()).unwrap();
        assert_eq!(connections(&server), [["t", "t"]], "it encrypts if it can");
        drop(balances);
        let place = Postgres::connect(&plain(&database.url)).unwrap();
        let starting = Projector::start(&store, place, Balances).settings(quick(1));
        let balances = wait(starting.into_future()).unwrap();
        wait(balances.catch_up()).unwrap();
        assert_eq!(connections(&server), [["f", "t"]], "it does not where it must not");
        drop(balances);

        ours.certify(&server, &["elsewhere.example"]);
        let is_elsewhere = || refused_for(&url).is_some_and(|said| said.contains("127.0.0.1"));
        while !is_elsewhere() {
            std::thread::yield_now(); // until the server has taken the new certificate
        }
    }

    /// What is said, if anything is wrong.
    fn refused_for(url: &str) -> Option<String> {
        Postgres::connect(url).err().map(|error| error.to_string())
    }

    #[test]
    fn a_file_without_authorities_is_named() {
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("none.pem");
        let url = proven("postgres://someone@127.0.0.1:1/x", &file);
        let (kind, said) = refused(&url);
        assert!(kind == ErrorKind::Invalid && said.contains("none.pem"), "{said}");
        std::fs::write(&file, "no certificate").unwrap();
        let (kind, said) = refused(&url);
        assert!(kind == ErrorKind::Invalid && said.contains("none.pem"), "{said}");
    }
}
