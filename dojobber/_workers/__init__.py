"""Workers make the attempts: in the caller's thread, on threads, or in other processes. One loop drives them all."""
