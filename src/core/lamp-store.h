/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

#include "lamp-tally.h"

G_BEGIN_DECLS

#define LAMP_TYPE_STORE (lamp_store_get_type ())

/**
 * LampStore:
 *
 * The queue's file: one SQLite connection on a thread of its own (section 4 of
 * the specification). The rest of the program hands it jobs; all the writing
 * jobs that wait are one transaction, and each is answered after the commit, so
 * that callers who arrive together share one flush of the disk.
 *
 * The file is opened by the first job, and again by the next one after that has
 * failed: a full disk or a missing permission is an error of the job, not the end.
 *
 * What it guarantees:
 *
 * - Durable: what was answered survives the end of the process and a power cut (a
 *   write-ahead log with synchronous=FULL; where there can be none, as on a network
 *   file system, a rollback journal with EXTRA). No job is ever there in half.
 * - A job that fails has changed nothing: no row, no clock, no ULID. The one
 *   exception is a process that is killed after the disk has refused to sync a
 *   commit and before the next commit: that one may be found whole.
 * - Private: the file, its -wal, -shm and -journal are 0600, a folder that is made
 *   is 0700, before anything is in them. A folder that others may write to, and a
 *   symbolic link that is not the person's own, are refused.
 * - Shared: several processes may write at once. A job waits up to 5 seconds for
 *   another's lock, and those that wait together wait once; then it fails.
 * - Small: no statement stays open from one job to the next, so that the -wal is
 *   bounded by 8 MB while other readers are idle, or by the largest transaction.
 *   Unused pages are given back in small steps, but for 4 MiB. A file that the other
 *   tool has made can't shrink; its unused pages are used again.
 * - Opening, and the tally after each job, cost the same at ten rows and at ten
 *   million, whoever wrote them. Once for a file, to migrate it, and once for a new
 *   node, to receive the clocks in it, all rows are read.
 * - Formats: an older one is brought forward in one transaction; a file of a newer
 *   Lamppost is refused and left as it is.
 * - An error names the file and the cause. An I/O error is tried once more. A
 *   damaged file is moved aside, never deleted, and replaced by what can still be
 *   read of it; lamp_store_dup_notice() tells where it is.
 */
G_DECLARE_FINAL_TYPE (LampStore, lamp_store, LAMP, STORE, GObject)

/**
 * LampStoreMode:
 * @LAMP_STORE_READ: the job only reads
 * @LAMP_STORE_WRITE: the job runs inside a write transaction
 */
typedef enum
{
  LAMP_STORE_READ,
  LAMP_STORE_WRITE,
} LampStoreMode;

/**
 * LampStoreFunc:
 * @store: the store, whose methods may be called here and nowhere else
 * @data: (nullable): what was given with the job
 * @error: return location for the reason
 *
 * A job, run on the store's thread. It may run more than once before it is
 * answered (when another job of its transaction failed), so it starts by
 * forgetting what an earlier run left in @data. A job that returns %FALSE is
 * rolled back whole.
 *
 * Returns: %FALSE with @error set if the job failed
 */
typedef gboolean (*LampStoreFunc) (LampStore *store,
                                   gpointer   data,
                                   GError   **error);

/**
 * lamp_store_new:
 * @path: the file; it and its folder are made when missing, 0600 and 0700
 * @node_id: the node whose clock the tally shows
 *
 * Returns: (transfer full): a store that opens its file with the first job
 */
LampStore  *lamp_store_new         (const char          *path,
                                    const char          *node_id);

const char *lamp_store_get_path    (LampStore           *self);

const char *lamp_store_get_node_id (LampStore           *self);

/**
 * lamp_store_dup_notice:
 *
 * Returns: (transfer full) (nullable): what a person must be told of the file,
 *   where it was damaged and has been replaced
 */
char       *lamp_store_dup_notice  (LampStore           *self);

/**
 * lamp_store_run:
 * @mode: whether the job writes
 * @func: (scope call): the job
 * @data: (nullable): for @func
 * @tally: (out) (optional): the queue's numbers after the job
 * @error: return location for the job's error, or a %LAMP_ERROR_STORAGE that
 *   names the file and the cause
 *
 * Runs a job and waits for it. For programs without a main loop; with one, use
 * lamp_store_run_async().
 *
 * Returns: %FALSE with @error set if nothing was changed
 */
gboolean    lamp_store_run         (LampStore           *self,
                                    LampStoreMode        mode,
                                    LampStoreFunc        func,
                                    gpointer             data,
                                    LampTally           *tally,
                                    GError             **error);

/**
 * lamp_store_run_async:
 * @data: (nullable) (transfer full): for @func
 * @free_data: (nullable): frees @data
 *
 * Like lamp_store_run(), answered on the thread-default main context after the
 * commit. A job can't be taken back once it was handed in: what was stored is
 * answered.
 */
void        lamp_store_run_async   (LampStore           *self,
                                    LampStoreMode        mode,
                                    LampStoreFunc        func,
                                    gpointer             data,
                                    GDestroyNotify       free_data,
                                    GAsyncReadyCallback  callback,
                                    gpointer             user_data);

/**
 * lamp_store_run_finish:
 * @data: (out) (optional) (transfer none): what was given with the job, alive
 *   as long as @result
 * @tally: (out) (optional): as of lamp_store_run()
 */
gboolean    lamp_store_run_finish  (LampStore           *self,
                                    GAsyncResult        *result,
                                    gpointer            *data,
                                    LampTally           *tally,
                                    GError             **error);

G_END_DECLS
