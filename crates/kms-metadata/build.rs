//! Makes cargo build the crate anew when a migration changes; the macro that embeds them does not say so itself.

fn main() {
    #[expect(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]
    {
        println!("cargo:rerun-if-changed=../../migrations");
    }
}
