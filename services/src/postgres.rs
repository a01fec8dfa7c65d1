//! PostgreSQL, as it is installed, or from Debian's packages. Its settings are its defaults: what
//! it acknowledges is on the disk.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::folder::{ELSEWHERE, log_of};
use crate::install::{debian_packages, is_root, output_of};
use crate::process::Process;
use crate::service::{Program, Service, Started};

/// Where Debian has them, each version in a directory of its own.
const INSTALLED: &str = "/usr/lib/postgresql";
/// It refuses to run as root; Debian's package makes this user for it.
const ACCOUNT: &str = "postgres";
const USER: &str = "hitherto";
const DATABASE: &str = "postgres";
const PASSWORD_FILE: &str = "password";

pub(crate) struct Postgres;

impl Service for Postgres {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn variable(&self) -> &'static str {
        "HITHERTO_POSTGRES_URL"
    }

    fn find(&self, _: &Path) -> Result<Program, String> {
        if let Some(program) = installed() {
            return Ok(program);
        }
        debian_packages(&["postgresql"])?;
        installed().ok_or_else(|| "PostgreSQL was installed, and cannot be found".to_owned())
    }

    fn start(&self, program: &Program, folder: &Path, port: u16) -> Result<Started, String> {
        let account = Account::find()?;
        let home = account.home(folder)?;
        let data = home.join("data");
        if !data.exists() {
            create_cluster(program, &account, &home, &data)?;
        }
        let mut server = account.command(&program.path.join("postgres"));
        server.arg("-D").arg(&data).args(["-c", &format!("port={port}")]);
        server.args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]);
        server.args(["-c", "max_connections=200"]);
        let process = Process::start(&mut server, &data, &log_of(folder))?;
        let password = home.join(PASSWORD_FILE);
        let password = std::fs::read_to_string(&password).map_err(failed(&password))?;
        let url = format!("postgres://{USER}:{password}@127.0.0.1:{port}/{DATABASE}");
        Ok(Started { process, url })
    }

    fn is_ready(&self, program: &Program, port: u16) -> bool {
        let mut ask = Command::new(program.path.join("pg_isready"));
        ask.args(["--quiet", "--host", "127.0.0.1", "--port", &port.to_string()]);
        output_of(&mut ask).is_ok()
    }
}

/// The newest that is installed.
fn installed() -> Option<Program> {
    let versions = std::fs::read_dir(INSTALLED).into_iter().flatten().flatten();
    let mut versions = versions.map(|version| version.path().join("bin")).collect::<Vec<_>>();
    versions.sort_by_key(|path| std::cmp::Reverse(number(path)));
    let named = output_of(Command::new("pg_config").arg("--bindir")).map(PathBuf::from);
    versions.into_iter().chain(named).find_map(|path| {
        let version = output_of(Command::new(path.join("postgres")).arg("--version")).ok()?;
        path.join("initdb").exists().then_some(Program { path, version })
    })
}

fn number(programs: &Path) -> u32 {
    let version = programs.parent().and_then(Path::file_name).unwrap_or_default();
    version.to_str().and_then(|version| version.parse().ok()).unwrap_or_default()
}

fn create_cluster(
    program: &Program,
    account: &Account,
    home: &Path,
    data: &Path,
) -> Result<(), String> {
    let password = home.join(PASSWORD_FILE);
    // It is good for this server only, and only as long as that lives.
    let word = format!("{:x}", RandomState::new().build_hasher().finish());
    std::fs::write(&password, word).map_err(failed(&password))?;
    account.own(&password)?;
    let mut create = account.command(&program.path.join("initdb"));
    create.arg("--pgdata").arg(data).args(["--username", USER, "--auth", "scram-sha-256"]);
    create.arg("--pwfile").arg(password);
    create.args(["--encoding", "UTF8", "--locale", "C", "--no-sync"]);
    output_of(&mut create).map(drop)
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> String + use<'_> {
    move |error| format!("{}: {error}", path.display())
}

/// Whom the server runs as, if that is not who runs this: it refuses to be root.
struct Account(Option<(u32, u32)>);

impl Account {
    fn find() -> Result<Self, String> {
        if !is_root() {
            return Ok(Self(None));
        }
        let id = |which: &str| {
            let id = output_of(Command::new("id").args([which, ACCOUNT]))?;
            id.parse::<u32>().map_err(|error| format!("{id}: {error}"))
        };
        Ok(Self(Some((id("-u")?, id("-g")?))))
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if let Some((user, group)) = self.0 {
            command.uid(user).gid(group);
        }
        // Its messages are read by programs too.
        command.env("LC_ALL", "C").current_dir("/");
        command
    }

    /// A folder that is its own: this one, or another if it may not come here.
    fn home(&self, folder: &Path) -> Result<PathBuf, String> {
        let link = folder.join(ELSEWHERE);
        if let Ok(elsewhere) = std::fs::read_to_string(&link) {
            return Ok(elsewhere.into());
        }
        self.own(folder)?;
        if output_of(self.command(Path::new("test")).arg("-w").arg(folder)).is_ok() {
            return Ok(folder.to_owned());
        }
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let number = RandomState::new().build_hasher().finish();
        let home = std::env::temp_dir().join(format!("hitherto-{name}-{number:x}"));
        std::fs::create_dir(&home).map_err(failed(&home))?;
        self.own(&home)?;
        std::fs::write(&link, home.display().to_string()).map_err(failed(&link))?;
        Ok(home)
    }

    /// Gives it a file or a folder.
    fn own(&self, path: &Path) -> Result<(), String> {
        let Some((user, group)) = self.0 else { return Ok(()) };
        chown(path, Some(user), Some(group)).map_err(failed(path))
    }
}
