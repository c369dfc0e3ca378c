//! Strongroom: a self-hosted key service that speaks the AWS KMS API and keeps its keys in a PKCS#11 token.

mod audit;
mod cli;
mod clocks;
mod config;
mod credentials;
mod dev;
mod dev_tokens;
mod doctor;
mod ephemeral;
#[cfg(feature = "failpoints")]
mod failpoints;
mod node;
mod operations;
mod place;
mod process;
mod reconcile;
mod recover;
mod recovery;
mod serve;
mod settings;

use std::process::ExitCode;

/// What one thread allocates another frees, request by request: glibc then makes the two wait for each other.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    #[cfg(feature = "failpoints")]
    failpoints::register();
    match run(cli) {
        Ok(status) => status,
        Err(error) => {
            process::say(&format!("strongroom: {}", process::in_one_line(&error)));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: cli::Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        cli::Command::Audit { command: cli::AuditCommand::Verify { dir } } => return Ok(audit::verify(&dir)),
        cli::Command::Audit { command: cli::AuditCommand::BeginNextFile { dir } } => audit::begin_next_file(&dir)?,
        cli::Command::Dev(arguments) => dev::run(arguments)?,
        cli::Command::Serve { config } => serve::run(&config)?,
        cli::Command::Migrate { config } => serve::migrate(&config)?,
        cli::Command::Doctor(arguments) => return doctor::run(&arguments),
        cli::Command::Recover(arguments) => recover::run(&arguments)?,
        cli::Command::Reconcile(arguments) => return reconcile::run(&arguments),
        cli::Command::Settings => process::print(settings::table().trim_end()),
        cli::Command::Operations { markdown } => operations::print_all(markdown),
    }
    Ok(ExitCode::SUCCESS)
}
