"""What the tests make Jobs, clocks, programs and terminals from, and watch them with."""
