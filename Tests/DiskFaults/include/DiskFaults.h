#ifndef DISK_FAULTS_H
#define DISK_FAULTS_H

/// The faults of DiskFaults.c are asked for with variables of the environment; a program calls none of it.
///
/// `DISK_FAULT` says what happens, and when, to the process that the library is loaded into:
///
///     before:N      SIGKILL instead of the Nth sync of a database file
///     after:N       SIGKILL once the Nth sync is done
///     power:N       as before:N, and what was not synced is gone from the log, as after a power cut
///     torn:N        as power:N, but the first half of what was not synced is there, and rubbish after it
///     full:BYTES    writes to database files fail with ENOSPC once so many bytes are written
///     brief:BYTES   as full:BYTES, but only three writes fail
///     readonly:1    the directory cannot be written
///     error:N       the Nth sync and all after it fail with EIO
///
/// A database file is one whose name begins with `tasks.sqlite`.
const char *disk_faults_variable(void);

#endif
