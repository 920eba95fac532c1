/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-import.h"

#include "lamp-clock.h"
#include "lamp-error.h"
#include "lamp-event.h"
#include "lamp-json.h"
#include "lamp-store-private.h"
#include "lamp-store-schema.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>

#define READ_BYTES (64 * 1024)

/* A slice is in memory as a whole, so long events make it shorter. */
#define SLICE_BYTES (4 * 1024 * 1024)

/* The other queue's owner commits in milliseconds; our own queue waits meanwhile. */
#define BUSY_TIMEOUT_MS 1000

/* How SQLite's files begin, and where they tell of a write-ahead log. */
#define SQLITE_MAGIC "SQLite format 3"
#define SQLITE_VERSION_OFFSET 18
#define SQLITE_VERSION_WAL 2

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

#ifndef O_NONBLOCK
#define O_NONBLOCK 0
#endif

#define SQL_HAS_QUEUE "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'queue'"
#define SQL_HAS_STATE                                                                              \
  "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'lamppost_state'"
#define SQL_HAS_COALESCE_KEY                                                                       \
  "SELECT count(*) FROM pragma_table_info ('queue') WHERE name = 'coalesce_key'"
#define SQL_LAST_ROW "SELECT coalesce (max(id), 0) FROM queue"

/* %s: coalesce_key or what stands for it in files of older versions. */
#define SQL_ROWS                                                                                   \
  "SELECT q.id, q.data, q.timestamp, q.retry_count, %s, 2, NULL, NULL, NULL, 0 FROM queue q "      \
  "WHERE q.id > ?1 ORDER BY q.id LIMIT ?2"
#define SQL_ROWS_WITH_STATE                                                                        \
  "SELECT q.id, q.data, q.timestamp, q.retry_count, %s, coalesce (s.status, 2), s.mission, "       \
  "f.code, f.message, coalesce (f.last_retry_at, 0) FROM queue q "                                 \
  "LEFT JOIN lamppost_state s ON s.status IN (0, 1, 2) AND s.id = q.id "                           \
  "LEFT JOIN lamppost_failure f ON f.id = q.id WHERE q.id > ?1 ORDER BY q.id LIMIT ?2"

enum
{
  COLUMN_ID,
  COLUMN_DATA,
  COLUMN_TIMESTAMP,
  COLUMN_RETRY_COUNT,
  COLUMN_COALESCE_KEY,
  COLUMN_STATUS,
  COLUMN_MISSION,
  COLUMN_CODE,
  COLUMN_MESSAGE,
  COLUMN_LAST_RETRY_AT,
};

struct _LampImport
{
  char *path;    /* (owned) */
  GError *error; /* (owned) (nullable) what reading has failed with */

  /* Lines: */
  int fd;          /* -1 if it is a queue */
  GString *buffer; /* (owned) what was read and not forgotten yet */
  gsize position;  /* where the next line starts in it */
  gsize searched;  /* up to here there is no line's end */
  gboolean ended;
  gboolean too_long; /* the line's beginning was forgotten */
  gint64 line;
  gint64 n_read;
  gint64 size;

  /* A queue: */
  sqlite3 *db;         /* (owned) (nullable) */
  sqlite3_stmt *rows;  /* (owned) (nullable) */
  char *copied_folder; /* (owned) (nullable) */
  gint64 row;
  gint64 last_row;
};

/* What the other tool keeps beside an envelope, in the same object. */
static const char *const replay_members[] = { "_replay_status", "_retry_count", "_last_retry_at" };

/* --- events ------------------------------------------------------------- */

static void
imported_free (gpointer data)
{
  LampImported *event = data;

  g_free (event->event_id);
  g_free (event->event_type);
  g_free (event->envelope);
  g_free (event->code);
  g_free (event->message);
  g_free (event->mission_id);
  g_free (event->coalesce_key);
  g_free (event);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampImported, imported_free)

static char *
dup_text (const LampJson *object,
          const char     *name)
{
  LampJson value;
  g_autofree char *text = NULL;

  if (!lamp_json_find (object, name, &value))
    return NULL;

  text = lamp_json_dup_string (&value);

  return text != NULL && *text != '\0' ? g_steal_pointer (&text) : NULL;
}

static gint64
read_clock (const LampJson *object)
{
  LampJson value;
  gint64 clock;

  if (lamp_json_find (object, "lamport_clock", &value) && lamp_json_get_int (&value, &clock) &&
      clock >= 0 && clock <= LAMP_CLOCK_RECEIVED_MAX)
    return clock;

  return -1;
}

/* An event without its bytes, or NULL with the reason. */
static LampImported *
read_envelope (const char *text,
               gsize       length,
               LampJson   *object,
               char      **reason)
{
  g_autoptr (LampImported) event = g_new0 (LampImported, 1);
  LampJsonProblem problem;

  if (!lamp_json_check (text, length, LAMP_EVENT_MAX_DEPTH, object, &problem))
    {
      *reason = g_strdup_printf (_("not valid JSON at byte %zu: %s"), problem.offset,
                                 problem.rule);
      return NULL;
    }

  if (object->type != LAMP_JSON_OBJECT)
    {
      *reason = g_strdup (_("not a JSON object"));
      return NULL;
    }

  event->event_id = dup_text (object, "event_id");
  event->event_type = dup_text (object, "event_type");
  if (event->event_id == NULL || event->event_type == NULL)
    {
      *reason = g_strdup_printf (_("%s: missing, empty or not a string"),
                                 event->event_id == NULL ? "event_id" : "event_type");
      return NULL;
    }

  event->lamport_clock = read_clock (object);
  event->status = LAMP_STATUS_PENDING;

  return g_steal_pointer (&event);
}

static void
add_problem (const LampImport *self,
             LampImportSlice  *slice,
             gint64            place,
             const char       *reason)
{
  g_ptr_array_add (slice->problems, lamp_import_dup_problem (self, place, reason));
}

/* --- lines -------------------------------------------------------------- */

static gboolean
is_replay_member (const LampJson *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (replay_members); i++)
    if (lamp_json_string_equals (name, replay_members[i]))
      return TRUE;

  return FALSE;
}

/* The object without the members that the other tool has added; each byte of the rest stays. */
static char *
dup_without_replay_members (const LampJson *object,
                            gsize          *length)
{
  GString *text = g_string_sized_new (object->length);
  const char *last = NULL; /* the end of the member before */
  gboolean kept = FALSE;
  LampJsonIter iter;
  LampJson name;
  LampJson value;

  lamp_json_iter_init (&iter, object);
  while (lamp_json_iter_next (&iter, &name, &value))
    {
      const char *end = value.text + value.length;

      if (last == NULL)
        g_string_append_len (text, object->text, name.text - object->text);

      if (!is_replay_member (&name))
        {
          if (kept)
            g_string_append_len (text, last, name.text - last);
          g_string_append_len (text, name.text, end - name.text);
          kept = TRUE;
        }

      last = end;
    }

  g_string_append_len (text, last, object->text + object->length - last);
  *length = text->len;

  return g_string_free (text, FALSE);
}

/* Python writes the time of its place, without a zone. */
static gint64
read_time (const LampJson *value)
{
  g_autofree char *text = lamp_json_dup_string (value);
  g_autoptr (GTimeZone) here = g_time_zone_new_local ();
  g_autoptr (GDateTime) time = NULL;

  if (text != NULL)
    time = g_date_time_new_from_iso8601 (text, here);

  if (time == NULL || g_date_time_to_unix (time) < 0)
    return 0;

  return g_date_time_to_unix (time) * G_USEC_PER_SEC + g_date_time_get_microsecond (time);
}

static void
read_replay_members (const LampJson *object,
                     LampImported   *event)
{
  LampJson value;
  gint64 count;

  if (lamp_json_find (object, "_retry_count", &value) && lamp_json_get_int (&value, &count))
    event->retry_count = (guint) CLAMP (count, 0, G_MAXINT);

  if (lamp_json_find (object, "_last_retry_at", &value))
    event->last_retry_at = read_time (&value);

  if (!lamp_json_find (object, "_replay_status", &value))
    return;

  if (lamp_json_string_equals (&value, "delivered"))
    event->status = LAMP_STATUS_DELIVERED;

  if (lamp_json_string_equals (&value, "failed"))
    {
      event->status = LAMP_STATUS_FAILED;
      event->code = g_strdup ("imported");
      event->message = g_strdup (
        _("It was failed in the file that it was imported from, "
          "which doesn’t say why"));
    }
}

static gboolean
is_blank (const char *text,
          gsize       length)
{
  for (gsize i = 0; i < length; i++)
    if (strchr (" \t\r", text[i]) == NULL || text[i] == '\0')
      return FALSE;

  return TRUE;
}

static void
read_line (LampImport      *self,
           LampImportSlice *slice,
           const char      *text,
           gsize            length)
{
  g_autoptr (LampImported) event = NULL;
  g_autofree char *reason = NULL;
  LampJson object;

  self->line++;
  if (self->too_long || length > LAMP_IMPORT_LINE_MAX)
    {
      self->too_long = FALSE;
      reason = g_strdup_printf (_("longer than %d MiB"), LAMP_IMPORT_LINE_MAX / (1024 * 1024));
      add_problem (self, slice, self->line, reason);
      return;
    }

  if (is_blank (text, length))
    return;

  event = read_envelope (text, length, &object, &reason);
  if (event == NULL)
    {
      add_problem (self, slice, self->line, reason);
      return;
    }

  read_replay_members (&object, event);
  if (event->status == LAMP_STATUS_DELIVERED)
    {
      slice->delivered++;
      return;
    }

  event->place = self->line;
  event->envelope = dup_without_replay_members (&object, &event->length);
  g_ptr_array_add (slice->events, g_steal_pointer (&event));
}

static gboolean
fail_reading (LampImport *self,
              const char *reason,
              GError    **error)
{
  g_set_error (error, LAMP_ERROR, LAMP_ERROR_STORAGE, _("The file “%s” can’t be read: %s"),
               self->path, reason);

  return FALSE;
}

static gboolean
refuse (LampImport *self,
        const char *reason,
        GError    **error)
{
  g_set_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_ARGS,
               _("The file “%s” can’t be imported: %s"), self->path, reason);

  return FALSE;
}

/* Appends what comes next. */
static gboolean
fill_buffer (LampImport *self,
             GError    **error)
{
  gsize before;
  gssize n_read;
  int errsv;

  g_string_erase (self->buffer, 0, (gssize) self->position);
  self->position = 0;
  if (self->buffer->len > LAMP_IMPORT_LINE_MAX)
    {
      self->too_long = TRUE;
      g_string_truncate (self->buffer, 0);
    }

  before = self->buffer->len;
  self->searched = before;
  g_string_set_size (self->buffer, before + READ_BYTES);
  do
    n_read = read (self->fd, self->buffer->str + before, READ_BYTES);
  while (n_read < 0 && errno == EINTR);
  errsv = errno;

  g_string_truncate (self->buffer, before + (gsize) MAX (n_read, 0));
  if (n_read < 0)
    return fail_reading (self, g_strerror (errsv), error);

  self->n_read += n_read;
  self->ended = n_read == 0;

  return TRUE;
}

static gboolean
read_lines (LampImport      *self,
            LampImportSlice *slice,
            GError         **error)
{
  gint64 first = self->line;
  gint64 before = self->n_read;

  while (self->line - first < LAMP_IMPORT_SLICE_EVENTS && self->n_read - before < SLICE_BYTES)
    {
      const char *start = self->buffer->str + self->position;
      const char *end = memchr (self->buffer->str + self->searched, '\n',
                                self->buffer->len - self->searched);

      if (end != NULL)
        {
          self->position = self->searched = (gsize) (end - self->buffer->str) + 1;
          read_line (self, slice, start, (gsize) (end - start));
        }
      else if (!self->ended)
        {
          if (!fill_buffer (self, error))
            return FALSE;
        }
      else
        {
          /* The last line needs no end. */
          if (self->position < self->buffer->len || self->too_long)
            read_line (self, slice, start, self->buffer->len - self->position);
          self->position = self->searched = self->buffer->len;
          slice->at_end = TRUE;
          return TRUE;
        }
    }

  return TRUE;
}

static gboolean
has_line_of_json (const GString *buffer)
{
  gboolean at_start = TRUE;

  for (gsize i = 0; i < buffer->len; i++)
    {
      if (at_start && buffer->str[i] == '{')
        return TRUE;

      at_start = buffer->str[i] == '\n' || (at_start && is_blank (&buffer->str[i], 1));
    }

  return FALSE;
}

/* Whether it can be lines at all: a file of another kind is one refusal, not a million lines. */
static gboolean
check_lines (LampImport *self,
             GError    **error)
{
  const char *line_end;
  gsize length;

  if (g_str_has_prefix (self->buffer->str, BYTE_ORDER_MARK))
    self->position = self->searched = strlen (BYTE_ORDER_MARK);

  if (self->buffer->len == self->position)
    /* TRANSLATORS: the file; behind “The file … can’t be imported: ” */
    return refuse (self, _("it is empty"), error);

  g_string_erase (self->buffer, 0, (gssize) self->position);
  self->position = self->searched = 0;

  /* Zeros further on are what a power cut leaves at a file's end: lines to be skipped. */
  line_end = memchr (self->buffer->str, '\n', self->buffer->len);
  length = line_end != NULL ? (gsize) (line_end - self->buffer->str) : self->buffer->len;
  if (memchr (self->buffer->str, '\0', length) != NULL || !has_line_of_json (self->buffer))
    /* TRANSLATORS: the file; behind “The file … can’t be imported: ” */
    return refuse (self, _("it is neither a queue nor lines of JSON objects"), error);

  return TRUE;
}

/* --- queues ------------------------------------------------------------- */

static gboolean
fail_sqlite (LampImport *self,
             int         code,
             GError    **error)
{
  switch (code & 0xff)
    {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return fail_reading (self, _("the file is damaged or not a queue"), error);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      /* TRANSLATORS: the file; behind “The file … can’t be read: ” */
      return fail_reading (self, _("another program holds it locked; try again"), error);
    default:
      return fail_reading (self,
                           self->db != NULL ? sqlite3_errmsg (self->db) : sqlite3_errstr (code),
                           error);
    }
}

static int
query_int (LampImport *self,
           const char *sql,
           gint64     *value)
{
  g_autoptr (sqlite3_stmt) statement = NULL;
  int code = sqlite3_prepare_v2 (self->db, sql, -1, &statement, NULL);

  if (code != SQLITE_OK)
    return code;

  code = sqlite3_step (statement);
  *value = code == SQLITE_ROW ? sqlite3_column_int64 (statement, 0) : 0;

  return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

static gint64
side_file_size (const char *path,
                const char *suffix)
{
  g_autofree char *side = g_strconcat (path, suffix, NULL);
  GStatBuf status;

  return g_stat (side, &status) == 0 ? (gint64) status.st_size : -1;
}

/* What SQLite would have to do to a file that its program left in the middle of a write (its log
 * played back, an index of the log made) is done to a copy. */
static gboolean
copy_queue (LampImport *self,
            const char *path,
            char      **copy,
            GError    **error)
{
  static const char *const suffixes[] = { "", "-wal", "-journal" };

  self->copied_folder = g_dir_make_tmp ("lamppost-import-XXXXXX", error);
  if (self->copied_folder == NULL)
    return FALSE;

  *copy = g_build_filename (self->copied_folder, "queue.db", NULL);
  for (guint i = 0; i < G_N_ELEMENTS (suffixes); i++)
    {
      g_autofree char *from_path = g_strconcat (path, suffixes[i], NULL);
      g_autofree char *to_path = g_strconcat (*copy, suffixes[i], NULL);
      g_autoptr (GFile) from = g_file_new_for_path (from_path);
      g_autoptr (GFile) to = g_file_new_for_path (to_path);

      if (*suffixes[i] != '\0' && !g_file_test (from_path, G_FILE_TEST_EXISTS))
        continue;

      if (!g_file_copy (from, to, G_FILE_COPY_TARGET_DEFAULT_PERMS, NULL, NULL, NULL, error))
        return FALSE;
    }

  return TRUE;
}

static void
remove_copy (LampImport *self)
{
  static const char *const names[] = { "queue.db", "queue.db-wal", "queue.db-shm",
                                       "queue.db-journal" };

  if (self->copied_folder == NULL)
    return;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (self->copied_folder, names[i], NULL);

      g_unlink (path);
    }
  g_rmdir (self->copied_folder);
}

static int
connect_to (LampImport *self,
            const char *path,
            const char *options,
            int         flags)
{
  g_autofree char *absolute = g_canonicalize_filename (path, NULL);
  g_autofree char *plain = g_filename_to_uri (absolute, NULL, NULL);
  g_autofree char *uri = g_strconcat (plain, options, NULL);
  gint64 has_queue;
  int code;

  code = sqlite3_open_v2 (uri, &self->db, flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
  if (code != SQLITE_OK)
    return code;

  /* A file from elsewhere: what its schema says is not to be trusted. */
  sqlite3_extended_result_codes (self->db, TRUE);
  sqlite3_db_config (self->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
  sqlite3_db_config (self->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  sqlite3_busy_timeout (self->db, BUSY_TIMEOUT_MS);

  return query_int (self, SQL_HAS_QUEUE, &has_queue);
}

/* SQLite would make the files of a write-ahead log even for a reader. With both there it is read
 * as its owner left it a moment ago; with no log there is nothing beside the file to be read. */
static int
connect_unchanging (LampImport *self,
                    const char *path,
                    gboolean    wal)
{
  gint64 log = side_file_size (path, "-wal");
  gboolean has_index = side_file_size (path, "-shm") >= 0;

  if (!wal)
    return connect_to (self, path, "?mode=ro", SQLITE_OPEN_READONLY);

  if (log >= 0 && has_index)
    {
      int code = connect_to (self, path, "?mode=ro&readonly_shm=1", SQLITE_OPEN_READONLY);

      /* Somebody writes to it just now: a copy would be torn, a reader that leaves its mark in the
       * index is not. */
      if ((code & 0xff) != SQLITE_READONLY)
        return code;

      g_clear_pointer (&self->db, sqlite3_close);
      return connect_to (self, path, "?mode=ro", SQLITE_OPEN_READONLY);
    }

  if (log <= 0)
    return connect_to (self, path, "?mode=ro&immutable=1", SQLITE_OPEN_READONLY);

  return SQLITE_CANTOPEN;
}

static gboolean
connect_queue (LampImport *self,
               gboolean    wal,
               GError    **error)
{
  g_autofree char *path = NULL;
  g_autofree char *copy = NULL;
  int code;

#ifdef G_OS_UNIX
  /* What lies beside it lies beside the file itself, not beside a link to it. */
  path = realpath (self->path, NULL);
#endif
  if (path == NULL)
    path = g_strdup (self->path);

  code = connect_unchanging (self, path, wal);
  if ((code & 0xff) == SQLITE_CANTOPEN || (code & 0xff) == SQLITE_READONLY)
    {
      g_clear_pointer (&self->db, sqlite3_close);
      if (!copy_queue (self, path, &copy, error))
        {
          g_autofree char *reason = g_strdup ((*error)->message);

          g_clear_error (error);
          return fail_reading (self, reason, error);
        }

      code = connect_to (self, copy, "?mode=rw", SQLITE_OPEN_READWRITE);
    }

  return code == SQLITE_OK ? TRUE : fail_sqlite (self, code, error);
}

static gboolean
prepare_queue (LampImport *self,
               GError    **error)
{
  gint64 has_queue = 0;
  gint64 has_state = 0;
  gint64 has_key = 0;
  gint64 version = 0;
  g_autofree char *sql = NULL;
  int code;

  if ((code = query_int (self, SQL_HAS_QUEUE, &has_queue)) != SQLITE_OK ||
      (code = query_int (self, SQL_HAS_STATE, &has_state)) != SQLITE_OK ||
      (code = query_int (self, SQL_HAS_COALESCE_KEY, &has_key)) != SQLITE_OK ||
      (code = query_int (self, "PRAGMA user_version", &version)) != SQLITE_OK)
    return fail_sqlite (self, code, error);

  if (!has_queue)
    return refuse (self, _("it is a database without a queue"), error);

  if (has_state && version > LAMP_STORE_SCHEMA_VERSION)
    return refuse (self, _("it was written by a newer Lamppost; update Lamppost"), error);

  sql = g_strdup_printf (has_state ? SQL_ROWS_WITH_STATE : SQL_ROWS,
                         has_key ? "q.coalesce_key" : "NULL");
  if (query_int (self, SQL_LAST_ROW, &self->last_row) != SQLITE_OK ||
      sqlite3_prepare_v2 (self->db, sql, -1, &self->rows, NULL) != SQLITE_OK)
    return fail_sqlite (self, sqlite3_extended_errcode (self->db), error);

  return TRUE;
}

static char *
dup_column (sqlite3_stmt *rows,
            int           column)
{
  return g_strdup ((const char *) sqlite3_column_text (rows, column));
}

static void
read_row (LampImport      *self,
          LampImportSlice *slice)
{
  const char *text = (const char *) sqlite3_column_text (self->rows, COLUMN_DATA);
  gsize length = (gsize) sqlite3_column_bytes (self->rows, COLUMN_DATA);
  LampStatus status = (LampStatus) sqlite3_column_int (self->rows, COLUMN_STATUS);
  g_autoptr (LampImported) event = NULL;
  g_autofree char *reason = NULL;
  LampJson object;

  if (status == LAMP_STATUS_DELIVERED)
    {
      slice->delivered++;
      return;
    }

  event = read_envelope (text != NULL ? text : "", length, &object, &reason);
  if (event == NULL)
    {
      add_problem (self, slice, self->row, reason);
      return;
    }

  event->envelope = g_strndup (text, length);
  event->length = length;
  event->place = self->row;
  event->status = status;
  event->timestamp = sqlite3_column_int64 (self->rows, COLUMN_TIMESTAMP);
  event->retry_count = (guint) CLAMP (sqlite3_column_int64 (self->rows, COLUMN_RETRY_COUNT), 0,
                                      G_MAXINT);
  event->last_retry_at = sqlite3_column_int64 (self->rows, COLUMN_LAST_RETRY_AT);
  event->coalesce_key = dup_column (self->rows, COLUMN_COALESCE_KEY);
  event->mission_id = dup_column (self->rows, COLUMN_MISSION);
  event->code = dup_column (self->rows, COLUMN_CODE);
  event->message = dup_column (self->rows, COLUMN_MESSAGE);
  g_ptr_array_add (slice->events, g_steal_pointer (&event));
}

static gboolean
read_rows (LampImport      *self,
           LampImportSlice *slice,
           GError         **error)
{
  gsize size = 0;
  int seen = 0;
  int code;

  sqlite3_bind_int64 (self->rows, 1, self->row);
  sqlite3_bind_int64 (self->rows, 2, LAMP_IMPORT_SLICE_EVENTS);
  while ((code = sqlite3_step (self->rows)) == SQLITE_ROW && size < SLICE_BYTES)
    {
      self->row = sqlite3_column_int64 (self->rows, COLUMN_ID);
      read_row (self, slice);
      size += (gsize) sqlite3_column_bytes (self->rows, COLUMN_DATA);
      seen++;
    }

  slice->at_end = code == SQLITE_DONE && seen < LAMP_IMPORT_SLICE_EVENTS;
  if (code != SQLITE_ROW && code != SQLITE_DONE)
    fail_sqlite (self, code, error);
  sqlite3_reset (self->rows);

  return code == SQLITE_ROW || code == SQLITE_DONE;
}

/* --- files -------------------------------------------------------------- */

static gboolean
fail_open (LampImport *self,
           int         errsv,
           GError    **error)
{
  if (errsv != ENOENT && errsv != ENOTDIR)
    return fail_reading (self, g_strerror (errsv), error);

  g_set_error (error, LAMP_ERROR, LAMP_ERROR_NOT_FOUND, _("There is no file “%s”"), self->path);

  return FALSE;
}

/* A pipe, opened, might wait for ever for who writes to it. */
static gboolean
open_file (LampImport *self,
           GError    **error)
{
  GStatBuf status;

  if (g_stat (self->path, &status) != 0)
    return fail_open (self, errno, error);

  if ((status.st_mode & S_IFMT) == S_IFDIR)
    return refuse (self, _("it is a folder"), error);

  if ((status.st_mode & S_IFMT) != S_IFREG)
    return refuse (self, _("it is not a regular file"), error);

  self->size = (gint64) status.st_size;
  self->fd = g_open (self->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);

  return self->fd >= 0 ? TRUE : fail_open (self, errno, error);
}

static gboolean
open_by_kind (LampImport *self,
              GError    **error)
{
  const char *text;
  gboolean wal;

  if (!open_file (self, error) || !fill_buffer (self, error))
    return FALSE;

  text = self->buffer->str;
  if (self->buffer->len <= SQLITE_VERSION_OFFSET ||
      memcmp (text, SQLITE_MAGIC, sizeof SQLITE_MAGIC) != 0)
    return check_lines (self, error);

  /* The lock of a program's own connection is lost when it closes the file a second time, so
   * that is done before SQLite opens it. */
  wal = text[SQLITE_VERSION_OFFSET] == SQLITE_VERSION_WAL;
  g_string_truncate (self->buffer, 0);
  g_close (self->fd, NULL);
  self->fd = -1;

  return connect_queue (self, wal, error) && prepare_queue (self, error);
}

LampImport *
lamp_import_open (const char *path,
                  GError    **error)
{
  g_autoptr (LampImport) self = g_new0 (LampImport, 1);
  g_autoptr (GError) local_error = NULL;

  g_return_val_if_fail (path != NULL, NULL);

  self->path = g_strdup (path);
  self->buffer = g_string_new (NULL);
  self->fd = -1;

  if (!open_by_kind (self, &local_error))
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return NULL;
    }

  return g_steal_pointer (&self);
}

void
lamp_import_free (LampImport *self)
{
  g_clear_pointer (&self->rows, sqlite3_finalize);
  g_clear_pointer (&self->db, sqlite3_close);
  remove_copy (self);
  if (self->fd >= 0)
    g_close (self->fd, NULL);

  g_string_free (self->buffer, TRUE);
  g_clear_error (&self->error);
  g_free (self->copied_folder);
  g_free (self->path);
  g_free (self);
}

LampImportSlice *
lamp_import_read (LampImport *self,
                  GError    **error)
{
  g_autoptr (LampImportSlice) slice = g_new0 (LampImportSlice, 1);

  g_return_val_if_fail (self != NULL, NULL);

  slice->events = g_ptr_array_new_with_free_func (imported_free);
  slice->problems = g_ptr_array_new_with_free_func (g_free);

  if (self->error == NULL)
    {
      if (self->db != NULL)
        read_rows (self, slice, &self->error);
      else
        read_lines (self, slice, &self->error);
    }

  if (self->error != NULL)
    {
      g_propagate_error (error, g_error_copy (self->error));
      return NULL;
    }

  return g_steal_pointer (&slice);
}

double
lamp_import_get_progress (const LampImport *self)
{
  double done = self->db != NULL ? (double) self->row : (double) self->n_read;
  double all = self->db != NULL ? (double) self->last_row : (double) self->size;

  return all > 0 ? CLAMP (done / all, 0, 1) : 1;
}

char *
lamp_import_dup_problem (const LampImport *self,
                         gint64            place,
                         const char       *text)
{
  return g_strdup_printf (self->db != NULL ? _("row %" PRId64 ": %s") : _("line %" PRId64 ": %s"),
                          place, text);
}

void
lamp_import_slice_free (LampImportSlice *slice)
{
  g_ptr_array_unref (slice->events);
  g_ptr_array_unref (slice->problems);
  g_free (slice);
}
