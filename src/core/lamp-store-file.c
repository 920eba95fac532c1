/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-store-file.h"

#include "lamp-error.h"
#include "lamp-guard.h"
#include "lamp-store-private.h"
#include "lamp-store-salvage.h"
#include "lamp-store-schema.h"

#include <errno.h>
#include <fcntl.h>

#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>

typedef enum
{
  HEALTH_WHOLE,
  HEALTH_DAMAGED,
  HEALTH_UNKNOWN,
} Health;

/* --- opening ------------------------------------------------------------ */

static gboolean
fail_errno (LampStore  *self,
            const char *path,
            int         errsv,
            GError    **error)
{
  /* TRANSLATORS: the queue, the file or folder that is in the way, and why */
  g_set_error (error, LAMP_ERROR, LAMP_ERROR_STORAGE, _("The queue “%s” can’t be used: “%s”: %s"),
               lamp_store_get_path (self), path, g_strerror (errsv));

  return FALSE;
}

/* An empty folder was made for the queue, as by a sandbox, which knows nothing of modes. One with
 * other things in it has modes that somebody wants, and so has one that is for everybody. */
static void
tighten_empty_folder (const char *folder)
{
  g_autoptr (GDir) dir = NULL;
  GStatBuf info;

  if (g_stat (folder, &info) != 0 || (info.st_mode & 0022) != 0)
    return;

  dir = g_dir_open (folder, 0, NULL);
  if (dir != NULL && g_dir_read_name (dir) == NULL)
    g_chmod (folder, 0700);
}

/* The folder and the file are made before SQLite sees them, so that no moment passes in which
 * others may read; SQLite gives the -wal and -shm files the modes of the file itself. */
static gboolean
make_file (LampStore  *self,
           const char *path,
           GError    **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  int fd;

  if (g_mkdir_with_parents (folder, 0700) != 0)
    return fail_errno (self, folder, errno, error);

  if (!lamp_guard_check (path, error))
    return FALSE;

  tighten_empty_folder (folder);
  fd = g_open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0)
    return fail_errno (self, path, errno, error);

  if (!g_close (fd, error))
    {
      g_prefix_error (error, "%s: ", path);
      return FALSE;
    }

  if (g_chmod (path, 0600) != 0)
    return fail_errno (self, path, errno, error);

  return TRUE;
}

/* What SQLite keeps beside a database. Another program may have made them with wider modes. */
static const char *const side_files[] = { "-wal", "-shm", "-journal" };

static void
tighten_side_files (const char *database)
{
  for (guint i = 0; i < G_N_ELEMENTS (side_files); i++)
    {
      g_autofree char *path = g_strconcat (database, side_files[i], NULL);

      if (g_file_test (path, G_FILE_TEST_EXISTS))
        g_chmod (path, 0600);
    }
}

static gboolean
read_pragma (LampStore  *self,
             const char *sql,
             gint64     *value,
             GError    **error)
{
  g_autoptr (sqlite3_stmt) statement = NULL;
  int code = sqlite3_prepare_v2 (lamp_store_get_db (self), sql, -1, &statement, NULL);
  int step;

  if (code != SQLITE_OK)
    return lamp_store_fail (self, code, error);

  if (!lamp_store_step (self, statement, &step, error))
    return FALSE;

  *value = sqlite3_column_int64 (statement, 0);

  return TRUE;
}

/* Where it can't be had (a network file system) SQLite answers with the mode it stays in. */
static gboolean
ask_for_wal (LampStore *self,
             gboolean  *wal,
             GError   **error)
{
  g_autoptr (sqlite3_stmt) statement = NULL;
  int code = sqlite3_prepare_v2 (lamp_store_get_db (self), "PRAGMA journal_mode = WAL", -1,
                                 &statement, NULL);
  int step;

  if (code != SQLITE_OK)
    return lamp_store_fail (self, code, error);

  if (!lamp_store_step (self, statement, &step, error))
    return FALSE;

  *wal = step == SQLITE_ROW &&
         g_strcmp0 ((const char *) sqlite3_column_text (statement, 0), "wal") == 0;

  /* What it answers holds from the commit on, and that is the second step. */
  return lamp_store_step (self, statement, &step, error);
}

static gboolean
configure (LampStore *self,
           GError   **error)
{
  gint64 pages = 0;
  gboolean wal = FALSE;

  sqlite3_busy_timeout (lamp_store_get_db (self), LAMP_STORE_PATIENCE_MS);
  if (!read_pragma (self, "PRAGMA page_count", &pages, error))
    return FALSE;

  /* auto_vacuum takes effect only in a file without tables: ours are made right after. In one
   * that has it already, this would be a commit at each opening. */
  if (pages == 0 && !lamp_store_execute_script (self, "PRAGMA auto_vacuum = INCREMENTAL", error))
    return FALSE;

  if (!ask_for_wal (self, &wal, error))
    return FALSE;

  /* EXTRA also syncs the folder after a commit has deleted its rollback journal: a power cut could
   * bring that back, and undo the commit. */
  return lamp_store_execute_script (self,
                                    wal ? "PRAGMA synchronous = FULL"
                                        : "PRAGMA synchronous = EXTRA",
                                    error) &&
         lamp_store_execute_script (self,
                                    "PRAGMA journal_size_limit = 4194304;"
                                    "PRAGMA temp_store = MEMORY;",
                                    error);
}

/* A file that ends within a page was cut off: SQLite would read what is missing as zeros and say
 * nothing. It may also be a page that the log still has, so such a file is looked at whole. */
static gboolean
check_size (LampStore  *self,
            const char *path,
            GError    **error)
{
  g_autoptr (sqlite3_stmt) statement = NULL;
  sqlite3 *db = lamp_store_get_db (self);
  GStatBuf info;
  gint64 page_size = 0;

  if (!read_pragma (self, "PRAGMA page_size", &page_size, error))
    return FALSE;

  if (g_stat (path, &info) != 0 || page_size == 0 || info.st_size % page_size == 0)
    return TRUE;

  if (sqlite3_prepare_v2 (db, "PRAGMA integrity_check (1)", -1, &statement, NULL) == SQLITE_OK &&
      sqlite3_step (statement) == SQLITE_ROW &&
      g_strcmp0 ((const char *) sqlite3_column_text (statement, 0), "ok") == 0)
    return TRUE;

  return lamp_store_fail (self, SQLITE_CORRUPT, error);
}

static gboolean
open_path (LampStore  *self,
           const char *path,
           GError    **error)
{
  sqlite3 *db = NULL;
  int code;

  if (!make_file (self, path, error))
    return FALSE;

  code = sqlite3_open_v2 (path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
  lamp_store_set_db (self, db);
  if (code != SQLITE_OK)
    {
      lamp_store_fail (self, code, error);
      lamp_store_set_db (self, NULL);
      return FALSE;
    }

  sqlite3_extended_result_codes (db, TRUE);
  if (!configure (self, error) || !check_size (self, path, error) ||
      !lamp_store_schema_prepare (self, error))
    {
      lamp_store_set_db (self, NULL);
      return FALSE;
    }

  tighten_side_files (path);
  g_debug ("store: opened %s", path);

  return TRUE;
}

/* --- a damaged file ----------------------------------------------------- */

static char *
dup_salvage_path (LampStore *self)
{
  return g_strconcat (lamp_store_get_path (self), ".salvage", NULL);
}

/* queue.db.corrupt-20260131T120000Z, a name that is free. */
static char *
dup_corrupt_path (LampStore *self)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autofree char *time = g_date_time_format (now, "%Y%m%dT%H%M%SZ");
  g_autofree char *path = g_strdup_printf ("%s.corrupt-%s", lamp_store_get_path (self), time);

  for (guint i = 2; g_file_test (path, G_FILE_TEST_EXISTS); i++)
    {
      g_free (path);
      path = g_strdup_printf ("%s.corrupt-%s-%u", lamp_store_get_path (self), time, i);
    }

  return g_steal_pointer (&path);
}

static void
move_side_files (const char *from,
                 const char *to)
{
  for (guint i = 0; i < G_N_ELEMENTS (side_files); i++)
    {
      g_autofree char *old = g_strconcat (from, side_files[i], NULL);
      g_autofree char *new = to != NULL ? g_strconcat (to, side_files[i], NULL) : NULL;

      if (new != NULL)
        g_rename (old, new);
      else
        g_remove (old);
    }
}

static sqlite3 *
open_damaged (LampStore *self)
{
  sqlite3 *damaged = NULL;

  if (sqlite3_open_v2 (lamp_store_get_path (self), &damaged,
                       SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
    {
      sqlite3_close (damaged);
      return NULL;
    }

  /* It stays as it is, for whoever wants to look deeper. */
  sqlite3_db_config (damaged, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
  sqlite3_busy_timeout (damaged, LAMP_STORE_PATIENCE_MS);

  return damaged;
}

/* Another process may have been here first, or only this connection was confused. */
static gboolean
is_code_of_damage (int code)
{
  return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB ||
         code == SQLITE_IOERR_SHORT_READ;
}

/* A lock, a full memory or a bad cable is no damage: such a file is left where it is. */
static Health
examine (sqlite3 *db)
{
  g_autoptr (sqlite3_stmt) statement = NULL;
  int code = sqlite3_exec (db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

  /* Held until the new file is in place: what another program committed meanwhile would be lost. */
  if (code != SQLITE_OK)
    return is_code_of_damage (code) ? HEALTH_DAMAGED : HEALTH_UNKNOWN;

  code = sqlite3_prepare_v2 (db, "PRAGMA integrity_check (1)", -1, &statement, NULL);
  if (code == SQLITE_OK)
    code = sqlite3_step (statement);
  if (code != SQLITE_ROW)
    return is_code_of_damage (code) ? HEALTH_DAMAGED : HEALTH_UNKNOWN;

  return g_strcmp0 ((const char *) sqlite3_column_text (statement, 0), "ok") == 0 ? HEALTH_WHOLE
                                                                                  : HEALTH_DAMAGED;
}

static gint64
save_rows (LampStore  *self,
           sqlite3    *damaged,
           const char *path,
           GError    **error)
{
  gint64 saved = -1;

  g_remove (path);
  move_side_files (path, NULL);
  if (!open_path (self, path, error))
    return -1;

  /* With a rollback journal what is committed is in the file itself, which is what will be moved.
   */
  if (lamp_store_execute_script (self, "PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA",
                                 error) &&
      lamp_store_begin (self, error))
    saved = lamp_store_salvage (self, damaged, error);
  if (saved >= 0 && !lamp_store_commit (self, error))
    saved = -1;

  lamp_store_set_db (self, NULL);

  return saved;
}

static void
tell_of_salvage (LampStore  *self,
                 const char *corrupt,
                 gint64      saved)
{
  g_autofree char *number = g_strdup_printf ("%" G_GINT64_FORMAT, saved);
  g_autofree char *notice = g_strdup_printf (
    ngettext ("The queue was damaged. %s event could be saved; the damaged file is kept as “%s”",
              "The queue was damaged. %s events could be saved; the damaged file is kept as “%s”",
              (gulong) saved),
    number, corrupt);

  g_message ("%s", notice);
  lamp_store_tell (self, notice);
}

static gboolean
replace_by (LampStore  *self,
            const char *salvage,
            const char *corrupt,
            GError    **error)
{
  if (g_rename (lamp_store_get_path (self), corrupt) != 0)
    return fail_errno (self, corrupt, errno, error);

  move_side_files (lamp_store_get_path (self), corrupt);

  return g_rename (salvage, lamp_store_get_path (self)) == 0 ||
         fail_errno (self, salvage, errno, error);
}

/* A new file takes the damaged one's place with all that could still be read. The order makes it
 * safe to stop anywhere: the new one is whole before the old one moves. */
gboolean
lamp_store_file_mend (LampStore *self,
                      GError   **error)
{
  g_autofree char *salvage = dup_salvage_path (self);
  g_autofree char *corrupt = dup_corrupt_path (self);
  sqlite3 *damaged = NULL;
  gboolean good = FALSE;
  gint64 saved;

  lamp_store_set_db (self, NULL);
  damaged = open_damaged (self);
  switch (damaged != NULL ? examine (damaged) : HEALTH_UNKNOWN)
    {
    case HEALTH_WHOLE:
      good = TRUE;
      break;
    case HEALTH_DAMAGED:
      /* Makes SQLite read what there is of a file that is shorter than it says. */
      sqlite3_exec (damaged, "PRAGMA writable_schema = ON", NULL, NULL, NULL);
      saved = save_rows (self, damaged, salvage, error);
      good = saved >= 0 && replace_by (self, salvage, corrupt, error);
      if (good)
        tell_of_salvage (self, corrupt, saved);
      break;
    case HEALTH_UNKNOWN:
    default:
      break;
    }

  sqlite3_close (damaged);

  return good;
}

/* A power cut may have come between the two moves of lamp_store_file_mend(). */
static void
finish_mending (LampStore *self)
{
  g_autofree char *salvage = dup_salvage_path (self);
  g_autofree char *corrupt = dup_corrupt_path (self);

  if (g_file_test (lamp_store_get_path (self), G_FILE_TEST_EXISTS) ||
      !g_file_test (salvage, G_FILE_TEST_EXISTS))
    return;

  /* The log of the damaged file must not be replayed into the new one. */
  move_side_files (lamp_store_get_path (self), corrupt);
  g_rename (salvage, lamp_store_get_path (self));
}

gboolean
lamp_store_file_open (LampStore *self,
                      GError   **error)
{
  finish_mending (self);

  return open_path (self, lamp_store_get_path (self), error);
}
