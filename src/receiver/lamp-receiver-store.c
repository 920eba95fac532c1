/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-receiver-store.h"

#include "lamp-error.h"
#include "lamp-receiver-event.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <sqlite3.h>

/* The server waits in its main loop, so it must not wait long for somebody else's lock. */
#define BUSY_MS 1000

/* A thousand of the largest events would be 256 MB: a page ends early instead. */
#define PAGE_MAX_BYTES (8 * 1024 * 1024)

/* Version 1: table events. */
#define SCHEMA_VERSION 1

#define SQL_SETUP                                                                                  \
  "PRAGMA journal_mode = WAL;"                                                                     \
  "PRAGMA synchronous = FULL;"                                                                     \
  "PRAGMA journal_size_limit = 8388608;"

/* The index on mission holds seq too, so a count reads nothing else. received_at is Unix µs. */
#define SQL_CREATE                                                                                 \
  "BEGIN IMMEDIATE;"                                                                               \
  "CREATE TABLE IF NOT EXISTS events ("                                                            \
  " seq INTEGER PRIMARY KEY AUTOINCREMENT,"                                                        \
  " event_id TEXT UNIQUE NOT NULL,"                                                                \
  " mission TEXT NOT NULL,"                                                                        \
  " event_type TEXT NOT NULL,"                                                                     \
  " lamport_clock INTEGER NOT NULL,"                                                               \
  " received_at INTEGER NOT NULL,"                                                                 \
  " envelope TEXT NOT NULL);"                                                                      \
  "CREATE INDEX IF NOT EXISTS idx_mission ON events (mission);"                                    \
  "PRAGMA user_version = 1;"                                                                       \
  "COMMIT;"

#define SQL_INSERT                                                                                 \
  "INSERT INTO events (event_id, mission, event_type, lamport_clock, received_at, envelope)"       \
  " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (event_id) DO NOTHING"

#define SQL_SAME "SELECT envelope = ?2 FROM events WHERE event_id = ?1"

#define SQL_LIST "SELECT seq, envelope FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2"

#define SQL_LIST_MISSION                                                                           \
  "SELECT seq, envelope FROM events WHERE seq > ?1 AND mission = ?3 ORDER BY seq LIMIT ?2"

#define SQL_COUNT "SELECT count(*) FROM events"

#define SQL_COUNT_MISSION "SELECT count(*) FROM events WHERE mission = ?1"

struct _LampReceiverStore
{
  GObject parent_instance;

  char *path;  /* (owned) */
  sqlite3 *db; /* (owned) */
};

G_DEFINE_FINAL_TYPE (LampReceiverStore, lamp_receiver_store, G_TYPE_OBJECT)

G_DEFINE_AUTOPTR_CLEANUP_FUNC (sqlite3_stmt, sqlite3_finalize)

static gboolean
check (LampReceiverStore *self,
       int                result,
       GError           **error)
{
  if (result == SQLITE_OK || result == SQLITE_ROW || result == SQLITE_DONE)
    return TRUE;

  g_set_error (error, LAMP_ERROR, LAMP_ERROR_STORAGE, "%s: %s", self->path,
               sqlite3_errmsg (self->db));

  return FALSE;
}

static gboolean
run (LampReceiverStore *self,
     const char        *sql,
     GError           **error)
{
  return check (self, sqlite3_exec (self->db, sql, NULL, NULL, NULL), error);
}

static gboolean
prepare (LampReceiverStore *self,
         const char        *sql,
         sqlite3_stmt     **stmt,
         GError           **error)
{
  return check (self, sqlite3_prepare_v2 (self->db, sql, -1, stmt, NULL), error);
}

static int
bind_text (sqlite3_stmt *stmt,
           int           column,
           const char   *text,
           gssize        length)
{
  return sqlite3_bind_text (stmt, column, text, (int) length, SQLITE_STATIC);
}

/* SQLite gives -wal and -shm the mode of the file, so that is made before SQLite can. */
static gboolean
make_file (const char *path,
           GError    **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  int problem = 0;
  int fd = -1;

  if (g_mkdir_with_parents (folder, 0700) != 0)
    problem = errno;
  else if ((fd = g_open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600)) < 0)
    problem = errno;
  else if (!g_close (fd, error))
    return FALSE;
  else if (g_chmod (path, 0600) != 0)
    problem = errno;

  if (problem != 0)
    g_set_error (error, LAMP_ERROR, LAMP_ERROR_STORAGE, "%s: %s", path, g_strerror (problem));

  return problem == 0;
}

static gboolean
read_version (LampReceiverStore *self,
              int               *version,
              GError           **error)
{
  g_autoptr (sqlite3_stmt) stmt = NULL;

  if (!prepare (self, "PRAGMA user_version", &stmt, error) ||
      !check (self, sqlite3_step (stmt), error))
    return FALSE;

  *version = sqlite3_column_int (stmt, 0);

  return TRUE;
}

static gboolean
migrate (LampReceiverStore *self,
         GError           **error)
{
  int version = 0;

  if (!read_version (self, &version, error))
    return FALSE;

  if (version > SCHEMA_VERSION)
    {
      g_set_error (error, LAMP_ERROR, LAMP_ERROR_STORAGE,
                   _("%s was written by a newer Lamppost; update this one"), self->path);
      return FALSE;
    }

  return version == SCHEMA_VERSION || run (self, SQL_CREATE, error);
}

static gboolean
insert (LampReceiverStore       *self,
        sqlite3_stmt            *stmt,
        const LampReceiverEvent *event,
        GError                 **error)
{
  sqlite3_reset (stmt);

  return check (self, bind_text (stmt, 1, event->event_id, -1), error) &&
         check (self, bind_text (stmt, 2, event->mission, -1), error) &&
         check (self, bind_text (stmt, 3, event->event_type, -1), error) &&
         check (self, sqlite3_bind_int64 (stmt, 4, event->lamport_clock), error) &&
         check (self, sqlite3_bind_int64 (stmt, 5, g_get_real_time ()), error) &&
         check (self, bind_text (stmt, 6, event->envelope, event->length), error) &&
         check (self, sqlite3_step (stmt), error);
}

/* The id is here already. A sender that lost our answer sends the same bytes again. */
static gboolean
compare (LampReceiverStore *self,
         LampReceiverEvent *event,
         GError           **error)
{
  g_autoptr (sqlite3_stmt) stmt = NULL;

  if (!prepare (self, SQL_SAME, &stmt, error) ||
      !check (self, bind_text (stmt, 1, event->event_id, -1), error) ||
      !check (self, bind_text (stmt, 2, event->envelope, event->length), error) ||
      !check (self, sqlite3_step (stmt), error))
    return FALSE;

  if (sqlite3_column_int (stmt, 0) == 0)
    lamp_receiver_event_reject (event, "conflict",
                                g_strdup ("event_id is taken by an event with other bytes"));

  return TRUE;
}

static gboolean
add_events (LampReceiverStore *self,
            GPtrArray         *events,
            GError           **error)
{
  g_autoptr (sqlite3_stmt) stmt = NULL;

  if (!prepare (self, SQL_INSERT, &stmt, error))
    return FALSE;

  for (guint i = 0; i < events->len; i++)
    {
      LampReceiverEvent *event = g_ptr_array_index (events, i);

      if (lamp_receiver_event_is_rejected (event))
        continue;

      if (!insert (self, stmt, event, error) ||
          (sqlite3_changes (self->db) == 0 && !compare (self, event, error)))
        return FALSE;
    }

  return TRUE;
}

static void
lamp_receiver_store_finalize (GObject *object)
{
  LampReceiverStore *self = LAMP_RECEIVER_STORE (object);

  sqlite3_close (self->db);
  g_free (self->path);

  G_OBJECT_CLASS (lamp_receiver_store_parent_class)->finalize (object);
}

static void
lamp_receiver_store_class_init (LampReceiverStoreClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = lamp_receiver_store_finalize;
}

static void
lamp_receiver_store_init (LampReceiverStore *self)
{
}

/**
 * lamp_receiver_store_open:
 * @path: a file, or %LAMP_RECEIVER_STORE_MEMORY
 * @error: return location for an error
 *
 * Opens the store and makes it, with its folder, where it is missing. Nobody
 * else on the machine may read it.
 *
 * Returns: (transfer full) (nullable): the store, or %NULL with @error set
 */
LampReceiverStore *
lamp_receiver_store_open (const char *path,
                          GError    **error)
{
  g_autoptr (LampReceiverStore) self = NULL;

  g_return_val_if_fail (path != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (!g_str_equal (path, LAMP_RECEIVER_STORE_MEMORY) && !make_file (path, error))
    return NULL;

  self = g_object_new (LAMP_TYPE_RECEIVER_STORE, NULL);
  self->path = g_strdup (path);

  if (!check (self, sqlite3_open (path, &self->db), error))
    return NULL;

  sqlite3_busy_timeout (self->db, BUSY_MS);

  if (!run (self, SQL_SETUP, error) || !migrate (self, error))
    return NULL;

  return g_steal_pointer (&self);
}

/**
 * lamp_receiver_store_add:
 * @self: a store
 * @events: (element-type LampReceiverEvent): events; the rejected ones are passed over
 * @error: return location for an error
 *
 * Keeps events, all in one transaction. One that is here already with the same
 * bytes changes nothing; one whose id is taken by other bytes becomes rejected.
 *
 * Returns: %TRUE once they are on disk; %FALSE with @error set and nothing kept
 */
gboolean
lamp_receiver_store_add (LampReceiverStore *self,
                         GPtrArray         *events,
                         GError           **error)
{
  g_return_val_if_fail (LAMP_IS_RECEIVER_STORE (self), FALSE);
  g_return_val_if_fail (events != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (!run (self, "BEGIN IMMEDIATE", error))
    return FALSE;

  if (add_events (self, events, error) && run (self, "COMMIT", error))
    return TRUE;

  /* A full disk has rolled it back already. */
  if (sqlite3_get_autocommit (self->db) == 0)
    run (self, "ROLLBACK", NULL);

  return FALSE;
}

/**
 * lamp_receiver_store_list:
 * @self: a store
 * @mission: (nullable): a mission, or %NULL for all
 * @after: the sequence number behind which to begin
 * @limit: how many events at most; fewer come where they are large
 * @json: where the envelopes are appended as they are, with commas between them
 * @next: (out): the sequence number of the last one, @after where there is none
 * @error: return location for an error
 *
 * Reads a page of events, oldest first.
 *
 * Returns: %TRUE, or %FALSE with @error set
 */
gboolean
lamp_receiver_store_list (LampReceiverStore *self,
                          const char        *mission,
                          gint64             after,
                          guint              limit,
                          GString           *json,
                          gint64            *next,
                          GError           **error)
{
  g_autoptr (sqlite3_stmt) stmt = NULL;
  gsize start;
  int result = SQLITE_DONE;

  g_return_val_if_fail (LAMP_IS_RECEIVER_STORE (self), FALSE);
  g_return_val_if_fail (json != NULL && next != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  *next = after;
  start = json->len;

  if (!prepare (self, mission != NULL ? SQL_LIST_MISSION : SQL_LIST, &stmt, error) ||
      !check (self, sqlite3_bind_int64 (stmt, 1, after), error) ||
      !check (self, sqlite3_bind_int64 (stmt, 2, limit), error) ||
      (mission != NULL && !check (self, bind_text (stmt, 3, mission, -1), error)))
    return FALSE;

  while (json->len - start < PAGE_MAX_BYTES && (result = sqlite3_step (stmt)) == SQLITE_ROW)
    {
      if (json->len > start)
        g_string_append_c (json, ',');

      g_string_append_len (json, (const char *) sqlite3_column_text (stmt, 1),
                           sqlite3_column_bytes (stmt, 1));
      *next = sqlite3_column_int64 (stmt, 0);
    }

  return check (self, result, error);
}

/**
 * lamp_receiver_store_count:
 * @self: a store
 * @mission: (nullable): a mission, or %NULL for all
 * @count: (out): how many events there are
 * @error: return location for an error
 *
 * Counts events.
 *
 * Returns: %TRUE, or %FALSE with @error set
 */
gboolean
lamp_receiver_store_count (LampReceiverStore *self,
                           const char        *mission,
                           gint64            *count,
                           GError           **error)
{
  g_autoptr (sqlite3_stmt) stmt = NULL;

  g_return_val_if_fail (LAMP_IS_RECEIVER_STORE (self), FALSE);
  g_return_val_if_fail (count != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (!prepare (self, mission != NULL ? SQL_COUNT_MISSION : SQL_COUNT, &stmt, error) ||
      (mission != NULL && !check (self, bind_text (stmt, 1, mission, -1), error)) ||
      !check (self, sqlite3_step (stmt), error))
    return FALSE;

  *count = sqlite3_column_int64 (stmt, 0);

  return TRUE;
}
