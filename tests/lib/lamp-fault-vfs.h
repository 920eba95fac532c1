/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib.h>
#include <sqlite3.h>

G_BEGIN_DECLS

/* A layer over SQLite's own way to the disk that fails on demand, and that knows what a disk
 * might hold after a power cut. It is the default VFS of a test's process once it was registered,
 * so that the code under test uses it unchanged. All of it may be called on any thread.
 *
 * A point is a call that changes the disk and that can fail: an open, a write, a sync, a truncate,
 * a delete, a new piece of the shared memory (-shm). Only calls on files directly in the watched
 * folder are counted and fail; all others go through. */

/**
 * lamp_fault_vfs_register:
 *
 * Makes this the process's default VFS; once, before the first connection.
 */
void     lamp_fault_vfs_register       (void);

/**
 * lamp_fault_vfs_watch:
 * @folder: (nullable): an absolute path; %NULL to watch nothing
 * @model: whether to keep what a power cut needs
 *
 * Forgets all that was asked for or counted, and watches a folder from now on. What is in
 * it now is on the disk; what is made later isn't before a sync. No file of the folder
 * may be open. Within the folder a sync costs nothing: it only counts.
 */
void     lamp_fault_vfs_watch          (const char       *folder,
                                        gboolean          model);

/**
 * lamp_fault_vfs_fail:
 * @point: which point from now on is to fail, 1 for the next
 * @for_good: whether those after it fail too
 * @code: what they answer: %SQLITE_FULL or another code, or %SQLITE_IOERR for the
 *   I/O error that belongs to the call
 *
 * A write that fails leaves its first half in the file, as on a full disk. What was to be
 * synced by a sync that fails may be on no disk even after the next one (Linux forgets it).
 */
void     lamp_fault_vfs_fail           (guint             point,
                                        gboolean          for_good,
                                        int               code);

/**
 * lamp_fault_vfs_mend:
 *
 * From now on nothing fails.
 */
void     lamp_fault_vfs_mend           (void);

/**
 * lamp_fault_vfs_forbid_wal:
 *
 * Whether files opened from now on have no shared memory, as on a network file system:
 * SQLite answers PRAGMA journal_mode = WAL with "delete" then, which is no error.
 */
void     lamp_fault_vfs_forbid_wal     (gboolean          forbid);

/**
 * lamp_fault_vfs_get_points:
 *
 * Returns: how many points there were since the last watch or fail
 */
guint    lamp_fault_vfs_get_points     (void);

/**
 * lamp_fault_vfs_dup_failed:
 *
 * Returns: (transfer full) (nullable): the first call that failed since the last fail,
 *   like "sync queue.db-wal"; %NULL if none has
 */
char    *lamp_fault_vfs_dup_failed     (void);

/**
 * lamp_fault_vfs_get_open_files:
 *
 * Returns: how many files of the watched folder are open
 */
guint    lamp_fault_vfs_get_open_files (void);

/**
 * lamp_fault_vfs_cut:
 * @seed: what chance is made of: the same calls with the same seed give the same disk
 * @folder: an existing empty folder
 *
 * Cuts the power: puts the files into @folder as the disk might hold them, and fails every
 * point from now on. Of each file there is all up to its last sync; of later writes any
 * piece (of 4096 or 512 bytes) may be missing, in any order; a truncate may be missing. A
 * name is as of the last sync of the folder or as of any change since (SQLite syncs the
 * folder with the first sync of a new -wal or -journal). The -shm is gone.
 */
void     lamp_fault_vfs_cut            (guint32           seed,
                                        const char       *folder);

/**
 * lamp_fault_vfs_cut_at:
 * @point: before which point from now on the power is cut, 1 for the next
 */
void     lamp_fault_vfs_cut_at         (guint             point,
                                        guint32           seed,
                                        const char       *folder);

gboolean lamp_fault_vfs_was_cut        (void);

G_END_DECLS
