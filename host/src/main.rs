//! Command line in, exit code out.

mod cli;

fn main() -> std::process::ExitCode {
    rowmill::allocator::keep_buffers();
    cli::run()
}
