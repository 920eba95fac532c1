/* SPDX-License-Identifier: GPL-3.0-or-later */

#define _GNU_SOURCE 1 /* CLONE_NEWNS */

#include "config.h"

#include "lamp-error.h"
#include "lamp-fault-vfs.h"
#include "lamp-queue.h"
#include "lamp-store-rows.h"
#include "lamp-store.h"
#include "lamp-test-util.h"
#include "lamp-ulid.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <glib/gstdio.h>

#ifdef __linux__
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

/* The queue under disks that fail, fill up, and lose what was not synced. */

#define NODE "test-node"
#define ORIGIN "https://example.org"
#define HISTORY_EVENTS 3
#define NO_LIMIT (512 * 1024)

/* What a cut goes through: LAMPPOST_CUT_SEED=N runs one seed alone, LAMPPOST_CUT_SEEDS=N so many.
 */
#define CUT_SEEDS 500
#define CUT_SEEDS_WITHOUT_WAL 100
#define CUT_ROUNDS 2
#define CUT_STEPS 60
#define CUT_POINTS 500

#define TMPFS_SIZE "size=1m"

static gboolean mishaps; /* warnings are what a person would read now, and no end of the test */

static GLogWriterOutput
write_log (GLogLevelFlags   level,
           const GLogField *fields,
           gsize            n_fields,
           gpointer         user_data)
{
  if (mishaps && (level & G_LOG_LEVEL_WARNING) != 0)
    return G_LOG_WRITER_HANDLED;

  return g_log_writer_default (level, fields, n_fields, user_data);
}

/* --- files -------------------------------------------------------------- */

static void
copy_file (const char *from,
           const char *to)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  gsize length;

  if (!g_file_get_contents (from, &text, &length, NULL))
    return;

  g_file_set_contents_full (to, text, (gssize) length, G_FILE_SET_CONTENTS_NONE, 0600, &error);
  g_assert_no_error (error);
}

/* What a process that is killed leaves behind, as another machine would find it. */
static void
copy_queue (const char *from,
            const char *to)
{
  static const char *const suffixes[] = { "", "-wal", "-journal" };

  for (guint i = 0; i < G_N_ELEMENTS (suffixes); i++)
    {
      g_autofree char *source = g_strconcat (from, suffixes[i], NULL);
      g_autofree char *target = g_strconcat (to, suffixes[i], NULL);

      copy_file (source, target);
    }
}

static LampTestDb *
db_open (const char *path)
{
  LampTestDb *db = lamp_test_db_open (path);

  lamp_test_db_run (db, "PRAGMA synchronous = OFF");

  return db;
}

static gboolean
has_table (LampTestDb *db,
           const char *name)
{
  g_autofree char *sql =
    g_strdup_printf ("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = '%s'",
                     name);

  return lamp_test_db_int (db, sql) > 0;
}

#define DATA_COLUMNS                                                                               \
  "length (data), json_extract (data, '$.lamport_clock'), "                                        \
  "event_id = json_extract (data, '$.event_id') "

/* Every event, one a line, with where it stands; nothing that differs from run to run. */
static char *
describe_rows (LampTestDb *db)
{
  if (!has_table (db, "queue"))
    return g_strdup ("");

  if (!has_table (db, "lamppost_state"))
    return lamp_test_db_text (
      db, "SELECT id, event_type, 2, coalesce (retry_count, 0), '', " DATA_COLUMNS
          "FROM queue ORDER BY id");

  return lamp_test_db_text (
    db,
    "SELECT q.id AS id, event_type, s.status, coalesce (retry_count, 0), "
    "CASE s.status WHEN 1 THEN f.code ELSE '' END, " DATA_COLUMNS
    "FROM queue q LEFT JOIN lamppost_state s ON s.status IN (0, 1, 2) AND s.id = q.id "
    "LEFT JOIN lamppost_failure f ON f.id = q.id "
    "UNION ALL SELECT id, event_type, 0, retry_count, '', " DATA_COLUMNS
    "FROM lamppost_history ORDER BY 1");
}

/* What a file says of itself. */
typedef struct
{
  char *rows; /* (owned) */
  char *ulid; /* (owned) the largest that was given out */
  gint64 clock;
  gint64 unused;    /* pages */
  gboolean counted; /* the counters are right */
  gboolean whole;
} State;

static void
state_free (State *self)
{
  g_free (self->rows);
  g_free (self->ulid);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (State, state_free)

static State *
state_read (const char *path)
{
  g_autoptr (LampTestDb) db = db_open (path);
  g_autofree char *integrity = lamp_test_db_text (db, "PRAGMA integrity_check");
  g_autofree char *wrong = NULL;
  State *self = g_new0 (State, 1);

  self->whole = g_str_equal (integrity, "ok\n");
  self->rows = describe_rows (db);
  self->unused = lamp_test_db_int (db, "PRAGMA freelist_count");
  self->counted = TRUE;
  self->ulid = g_strdup ("");
  if (!has_table (db, "lamppost_counter"))
    return self;

  g_free (self->ulid);
  self->ulid = lamp_test_db_text (db, "SELECT last_ulid FROM lamppost_counter");
  g_strchomp (self->ulid);
  wrong = lamp_test_db_check (db);
  self->counted = *wrong == '\0';
  self->clock = lamp_test_db_int (db,
                                  "SELECT coalesce (max (value), 0) FROM lamppost_clock "
                                  "WHERE node_id = '" NODE "'");

  return self;
}

/* --- operations --------------------------------------------------------- */

static GPtrArray *
events_new (guint n)
{
  GPtrArray *events = g_ptr_array_new_with_free_func ((GDestroyNotify) lamp_event_unref);

  for (guint i = 0; i < n; i++)
    g_ptr_array_add (events, lamp_test_event ("mission", "Swept", "{\"n\":1}"));

  return events;
}

static gboolean
append (LampQueue *queue,
        guint      n,
        GError   **error)
{
  g_autoptr (GPtrArray) events = events_new (n);
  g_autoptr (GPtrArray) receipts = lamp_queue_append (queue, events, error);

  return receipts != NULL;
}

static gboolean
append_one (LampQueue *queue,
            GError   **error)
{
  return append (queue, 1, error);
}

static gboolean
append_hundred (LampQueue *queue,
                GError   **error)
{
  return append (queue, 100, error);
}

/* Without waiting on the caller's thread. */
static gboolean
append_async (LampQueue *queue,
              GError   **error)
{
  g_autoptr (GPtrArray) events = events_new (1);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GPtrArray) receipts = NULL;

  lamp_queue_append_async (queue, events, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  receipts = lamp_queue_append_finish (queue, result, error);

  return receipts != NULL;
}

/* The log goes into the file; where that fails nothing is lost but time. */
static gboolean
append_and_checkpoint (LampQueue *queue,
                       GError   **error)
{
  gboolean good = append (queue, 10, error);
  g_autoptr (LampTestDb) db = NULL;

  if (sqlite3_open (lamp_queue_get_path (queue), &db) == SQLITE_OK)
    sqlite3_exec (db, "PRAGMA wal_checkpoint (TRUNCATE)", NULL, NULL, NULL);

  return good;
}

static LampBatch *
read_batch (LampQueue *queue,
            guint      max_events,
            GError   **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  lamp_queue_read_batch_async (queue, 0, G_MAXINT64, NULL, max_events, NO_LIMIT,
                               lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);

  return lamp_queue_read_batch_finish (queue, result, NULL, error);
}

/* The verdicts are @letters over and over: d delivered, r rejected, all else nothing. */
static gboolean
settle_batch (LampQueue  *queue,
              LampBatch  *batch,
              const char *letters,
              GError    **error)
{
  guint count = lamp_batch_get_size (batch);
  g_autoptr (LampOutcome) outcome = lamp_outcome_new (LAMP_OUTCOME_ANSWERED, count);
  g_autoptr (GAsyncResult) result = NULL;

  for (guint i = 0; i < count; i++)
    {
      char letter = letters[i % strlen (letters)];

      outcome->verdicts[i].kind = letter == 'd'   ? LAMP_VERDICT_DELIVERED
                                  : letter == 'r' ? LAMP_VERDICT_REJECTED
                                                  : LAMP_VERDICT_NONE;
    }

  lamp_queue_settle_async (queue, batch, outcome, ORIGIN, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);

  return lamp_queue_settle_finish (queue, result, NULL, NULL, error);
}

static gboolean
read_and_settle (LampQueue  *queue,
                 const char *letters,
                 GError    **error)
{
  g_autoptr (LampBatch) batch = read_batch (queue, (guint) strlen (letters), error);

  return batch != NULL && settle_batch (queue, batch, letters, error);
}

static gboolean
settle_delivered (LampQueue *queue,
                  GError   **error)
{
  return read_and_settle (queue, "ddddd", error);
}

static gboolean
settle_failed (LampQueue *queue,
               GError   **error)
{
  return read_and_settle (queue, "rrrrr", error);
}

static gboolean
settle_mixed (LampQueue *queue,
              GError   **error)
{
  return read_and_settle (queue, "dr-dr", error);
}

static gboolean
resend_all (LampQueue *queue,
            GError   **error)
{
  guint count;

  return lamp_queue_resend (queue, NULL, &count, error);
}

/* The failed events of the queue, as List gives them. */
static gboolean
dup_failed_ids (LampQueue *queue,
                char    ***ids,
                GError   **error)
{
  g_autoptr (GVariant)
    options = g_variant_ref_sink (g_variant_new_parsed ("{'status': <'failed'>}"));
  g_autoptr (LampFilter) filter = lamp_filter_new (options, NULL);
  g_autoptr (LampPage) page = lamp_queue_list (queue, filter, 0, 100, error);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  if (page == NULL)
    return FALSE;

  for (guint i = 0; i < page->rows->len; i++)
    g_strv_builder_add (builder, ((LampRow *) g_ptr_array_index (page->rows, i))->event_id);
  *ids = g_strv_builder_end (builder);

  return TRUE;
}

static gboolean
resend_some (LampQueue *queue,
             GError   **error)
{
  g_auto (GStrv) ids = NULL;
  guint count;

  return dup_failed_ids (queue, &ids, error) &&
         lamp_queue_resend (queue, (const char *const *) ids, &count, error);
}

static gboolean
discard (LampQueue *queue,
         GError   **error)
{
  g_auto (GStrv) ids = NULL;
  guint count;

  return dup_failed_ids (queue, &ids, error) &&
         lamp_queue_discard (queue, (const char *const *) ids, &count, error);
}

static gboolean
open_queue (LampQueue *queue,
            GError   **error)
{
  return lamp_queue_open (queue, error);
}

static gboolean
observe (LampQueue *queue,
         GError   **error)
{
  g_autoptr (GAsyncResult) result = NULL;
  gint64 clock;

  lamp_queue_observe_async (queue, 1000, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);

  return lamp_queue_observe_finish (queue, result, &clock, error);
}

/* Answers nobody: its task keeps the queue alive until it is done. */
static gboolean
tidy (LampQueue *queue,
      GError   **error)
{
  lamp_queue_tidy (queue);
  lamp_test_wait_until (G_OBJECT (queue)->ref_count == 1);

  return TRUE;
}

/* --- the sweep ---------------------------------------------------------- */

/* Where an operation starts: no file, one of ours, one of ours that was much larger, or one of the
 * other tool's. */
typedef enum
{
  BASE_NONE,
  BASE_OURS,
  BASE_HOLLOW,
  BASE_FEBRUARY,
  BASE_MARCH,
  N_BASES,
} Base;

static char *base_folder; /* (owned) */

static char *
dup_base_path (Base base)
{
  g_autofree char *name = g_strdup_printf ("base-%d.db", (int) base);

  return g_build_filename (base_folder, name, NULL);
}

static char *
dup_lines_path (void)
{
  return g_build_filename (base_folder, "events.jsonl", NULL);
}

static gboolean
import (LampQueue  *queue,
        const char *path,
        GError    **error)
{
  g_autoptr (LampImportReport) report = lamp_queue_import (queue, path, NULL, NULL, error);

  return report != NULL;
}

/* Pending ones and failed ones. */
static gboolean
import_lines (LampQueue *queue,
              GError   **error)
{
  g_autofree char *path = dup_lines_path ();

  return import (queue, path, error);
}

static gboolean
import_queue (LampQueue *queue,
              GError   **error)
{
  g_autofree char *path = dup_base_path (BASE_MARCH);

  return import (queue, path, error);
}

static gboolean
import_async (LampQueue *queue,
              GError   **error)
{
  g_autofree char *path = dup_lines_path ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (LampImportReport) report = NULL;

  lamp_queue_import_async (queue, path, NULL, NULL, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  report = lamp_queue_import_finish (queue, result, error);

  return report != NULL;
}

typedef struct
{
  const char *name;
  Base base;
  gboolean (*run) (LampQueue *queue, GError **error);
  gboolean in_steps; /* several transactions that only take delivered events away */
  gboolean no_wal;   /* with a rollback journal */
} Operation;

/* Here an operation is added. */
static const Operation operations[] = {
  { "append-to-nothing", BASE_NONE, append_one },
  { "append", BASE_OURS, append_one },
  { "append-async", BASE_OURS, append_async },
  { "append-hundred", BASE_OURS, append_hundred },
  { "append-and-checkpoint", BASE_OURS, append_and_checkpoint },
  { "settle-delivered", BASE_OURS, settle_delivered },
  { "settle-failed", BASE_OURS, settle_failed },
  { "settle-mixed", BASE_OURS, settle_mixed },
  { "resend", BASE_OURS, resend_some },
  { "resend-all", BASE_OURS, resend_all },
  { "discard", BASE_OURS, discard },
  { "observe", BASE_OURS, observe },
  { "import-lines", BASE_OURS, import_lines },
  { "import-lines-async", BASE_OURS, import_async },
  { "import-queue", BASE_OURS, import_queue },
  { "import-to-nothing", BASE_NONE, import_queue },
  { "import-to-february", BASE_FEBRUARY, import_lines },
  { "import-without-wal", BASE_FEBRUARY, import_lines, FALSE, TRUE },
  { "tidy", BASE_OURS, tidy, TRUE },
  { "vacuum", BASE_HOLLOW, tidy, TRUE },
  { "migrate-february", BASE_FEBRUARY, open_queue },
  { "migrate-march", BASE_MARCH, open_queue },
  { "append-to-february", BASE_FEBRUARY, append_one },
  { "append-without-wal", BASE_FEBRUARY, append_one, FALSE, TRUE },
};

/* One way to run an operation, and what it does when nothing fails. */
typedef struct
{
  const Operation *operation;
  gboolean warm; /* the file is open and its log in use */
  int code;
  gboolean for_good;
  State *before; /* (owned) */
  State *after;  /* (owned) */
  guint errors;
  guint ghosts;
} Sweep;

#define OTHER_SCHEMA                                                                               \
  "CREATE TABLE queue (id INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT UNIQUE NOT NULL,"       \
  "  event_type TEXT NOT NULL, data TEXT NOT NULL, timestamp INTEGER NOT NULL,"                    \
  "  retry_count INTEGER DEFAULT 0%s);"                                                            \
  "CREATE INDEX idx_timestamp ON queue(timestamp);"                                                \
  "CREATE INDEX idx_retry ON queue(retry_count);%s"                                                \
  "WITH RECURSIVE n (n) AS (SELECT 10 UNION ALL SELECT n + 1 FROM n WHERE n < 59) "                \
  "INSERT INTO queue (event_id, event_type, data, timestamp, retry_count) SELECT "                 \
  "'01KJFD7KY6ABA9ZNKAPDA9DC' || n, 'Foreign', '{\"event_id\": \"01KJFD7KY6ABA9ZNKAPDA9DC' || n"   \
  " || '\", \"event_type\": \"Foreign\", \"lamport_clock\": ' || n || ', \"payload\": \"'"         \
  " || hex (zeroblob (100)) || '\"}', 1772193600 + n, n %% 3 FROM n;"

/* A little more than what stays, for each page that goes costs points. */
#define UNUSED_PAGES_KEPT 1024
#define HOLLOW_ROWS                                                                                \
  "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 265) "                \
  "INSERT INTO queue (event_id, event_type, data, timestamp) "                                     \
  "SELECT 'FILLER' || n, 'Filler', hex (zeroblob (8100)), 1 FROM n"

static void
make_other (Base        base,
            const char *column,
            const char *index)
{
  g_autofree char *path = dup_base_path (base);
  g_autofree char *sql = g_strdup_printf (OTHER_SCHEMA, column, index);
  g_autoptr (LampTestDb) db = db_open (path);

  lamp_test_db_run (db, sql);
}

/* Delivered in the history and outside, failed ones, ones sent again, pending ones. */
static void
make_ours (void)
{
  g_autofree char *path = dup_base_path (BASE_OURS);
  LampQueue *queue = lamp_queue_new (path, NODE);

  lamp_queue_set_history (queue, 7, 100);
  g_assert_true (append (queue, 30, NULL));
  g_assert_true (read_and_settle (queue, "rrdddd", NULL));
  tidy (queue, NULL);
  g_assert_true (resend_all (queue, NULL));
  g_assert_true (read_and_settle (queue, "--ddrrrdd", NULL));
  lamp_test_finalize (queue);
}

/* What vacuum finds: more unused pages than it keeps, and rows behind them. */
static void
make_hollow (void)
{
  g_autofree char *path = dup_base_path (BASE_HOLLOW);
  LampQueue *queue = lamp_queue_new (path, NODE);

  g_assert_true (append (queue, 5, NULL));
  {
    g_autoptr (LampTestDb) db = db_open (path);

    lamp_test_db_run (db, HOLLOW_ROWS);
    g_assert_true (append (queue, 20, NULL));
    g_assert_true (read_and_settle (queue, "dd", NULL));
    lamp_test_db_run (db, "DELETE FROM queue WHERE event_type = 'Filler'");
    g_assert_cmpint (lamp_test_db_int (db, "PRAGMA freelist_count"), >, UNUSED_PAGES_KEPT);
  }
  lamp_test_finalize (queue);
}

static void
make_lines (void)
{
  g_autofree char *path = dup_lines_path ();
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;

  for (guint i = 10; i < 40; i++)
    g_string_append_printf (text,
                            "{\"event_id\":\"01KJFD7KY6ABA9ZNKAPDA8DC%u\",\"event_type\":\"Line\","
                            "\"lamport_clock\":%u,\"_replay_status\":\"%s\",\"_retry_count\":%u}\n",
                            i, i, i % 3 == 0 ? "failed" : "pending", i % 3);
  g_file_set_contents (path, text->str, (gssize) text->len, &error);
  g_assert_no_error (error);
}

static void
make_bases (void)
{
  base_folder = lamp_test_folder_new ();
  make_ours ();
  make_hollow ();
  make_lines ();
  make_other (BASE_FEBRUARY, "", "");
  make_other (BASE_MARCH, ", coalesce_key TEXT",
              "CREATE INDEX idx_coalesce_key ON queue(coalesce_key);");
}

static void G_GNUC_PRINTF (3, 4) G_GNUC_NORETURN
  violation (const Sweep *sweep, guint point, const char *format, ...)
{
  g_autofree char *what = NULL;
  g_autofree char *call = lamp_fault_vfs_dup_failed ();
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_error ("%s %s, point %u (%s) fails %s with %s: %s", sweep->operation->name,
           sweep->warm ? "warm" : "cold", point, call != NULL ? call : "none",
           sweep->for_good ? "for good" : "once", sqlite3_errstr (sweep->code), what);
}

static gboolean
has_lines_of (const char *text,
              const char *lines)
{
  g_auto (GStrv) have = g_strsplit (text, "\n", -1);
  g_auto (GStrv) want = g_strsplit (lines, "\n", -1);

  for (gsize i = 0; want[i] != NULL; i++)
    if (!g_strv_contains ((const char *const *) have, want[i]))
      return FALSE;

  return TRUE;
}

/* Whether the events are all as before, or all as they should be after. */
static gboolean
is_between (const Sweep *sweep,
            const char  *rows)
{
  if (sweep->operation->in_steps)
    return has_lines_of (sweep->before->rows, rows) && has_lines_of (rows, sweep->after->rows);

  return g_str_equal (rows, sweep->before->rows) || g_str_equal (rows, sweep->after->rows);
}

static void
check_error (const Sweep  *sweep,
             guint         point,
             const char   *path,
             const GError *error)
{
  if (!g_error_matches (error, LAMP_ERROR, LAMP_ERROR_STORAGE))
    violation (sweep, point, "the error is no Storage: %s", error->message);

  if (strstr (error->message, path) == NULL)
    violation (sweep, point, "the error doesn’t name the file: %s", error->message);

  if (sweep->code == SQLITE_FULL && strstr (error->message, "disk is full") == NULL)
    violation (sweep, point, "the error doesn’t name the cause: %s", error->message);
}

static void
check_sound (const Sweep *sweep,
             guint        point,
             const State *state,
             const char  *where)
{
  if (!state->whole)
    violation (sweep, point, "%s: not whole", where);

  if (!state->counted)
    violation (sweep, point, "%s: the counters are wrong", where);

  if (state->clock < sweep->before->clock || g_strcmp0 (state->ulid, sweep->before->ulid) < 0)
    violation (sweep, point, "%s: the clock went back", where);
}

static void
check_state (const Sweep *sweep,
             guint        point,
             const State *state,
             const char  *where)
{
  check_sound (sweep, point, state, where);
  if (!is_between (sweep, state->rows))
    violation (sweep, point, "%s: neither before nor after but\n%s", where, state->rows);
}

/* What a new process would find had this one been killed: here an operation that has failed may
 * have happened all the same. A commit whose sync fails has its frames in the log, checksums and
 * all; SQLite takes them back only in the shared memory, until the next commit writes over them. */
static void
check_copy (Sweep      *sweep,
            guint       point,
            const char *path,
            gboolean    good)
{
  g_autoptr (State) state = state_read (path);

  check_state (sweep, point, state, "after a kill");
  if (good && !sweep->operation->in_steps && !g_str_equal (state->rows, sweep->after->rows))
    violation (sweep, point, "after a kill what was answered is gone");

  if (!good &&
      (!g_str_equal (state->rows, sweep->before->rows) || state->clock != sweep->before->clock))
    sweep->ghosts++;
}

/* The same queue goes on, without a restart. */
static void
check_next_append (const Sweep *sweep,
                   guint        point,
                   LampQueue   *queue,
                   const State *live)
{
  g_autoptr (GPtrArray) events = events_new (1);
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) receipts = lamp_queue_append (queue, events, &error);
  const LampReceipt *receipt = NULL;

  if (receipts == NULL)
    violation (sweep, point, "the queue doesn’t work again: %s", error->message);

  receipt = g_ptr_array_index (receipts, 0);
  if (receipt->lamport_clock <= live->clock || strcmp (receipt->event_id, live->ulid) <= 0)
    violation (sweep, point, "clock or ULID went back");
}

static void
check_tally (const Sweep *sweep,
             guint        point,
             LampQueue   *queue)
{
  const LampTally *tally = lamp_queue_get_tally (queue);
  g_autoptr (LampTestDb) db = db_open (lamp_queue_get_path (queue));
  g_autofree char *counted = NULL;
  g_autofree char *told = NULL;

  counted = lamp_test_db_text (db,
                               "SELECT pending, failed, settled + history, settled "
                               "FROM lamppost_counter");
  told = g_strdup_printf ("%" G_GUINT64_FORMAT "|%" G_GUINT64_FORMAT "|%" G_GUINT64_FORMAT
                          "|%" G_GUINT64_FORMAT "\n",
                          tally->pending, tally->failed, tally->delivered, tally->settled);
  if (!g_str_equal (told, counted))
    violation (sweep, point, "the tally is %s and not %s", told, counted);
}

static State *
check_live (const Sweep *sweep,
            guint        point,
            LampQueue   *queue,
            gboolean     good)
{
  g_autoptr (State) live = NULL;
  g_autoptr (State) next = NULL;
  const char *path = lamp_queue_get_path (queue);

  live = state_read (path);
  check_state (sweep, point, live, "live");
  if (!sweep->operation->in_steps &&
      !g_str_equal (live->rows, good ? sweep->after->rows : sweep->before->rows))
    violation (sweep, point, "the answer was %s, but the file says otherwise",
               good ? "yes" : "an error");

  check_next_append (sweep, point, queue, live);
  next = state_read (path);
  if (!g_str_has_prefix (next->rows, live->rows) || !next->counted)
    violation (sweep, point, "the next append changed more than one row");

  check_tally (sweep, point, queue);

  return g_steal_pointer (&next);
}

static LampQueue *
start (const Sweep *sweep,
       const char  *folder)
{
  g_autofree char *base = dup_base_path (sweep->operation->base);
  g_autofree char *path = g_build_filename (folder, "queue.db", NULL);
  LampQueue *queue = NULL;
  g_autoptr (GError) error = NULL;

  copy_file (base, path);
  lamp_fault_vfs_watch (folder, FALSE);
  queue = lamp_queue_new (path, NODE);
  lamp_queue_set_history (queue, 7, HISTORY_EVENTS);
  if (sweep->warm)
    {
      append (queue, 1, &error);
      g_assert_no_error (error);
    }

  return queue;
}

/* What the operation does on a good disk. */
static void
rehearse (Sweep *sweep)
{
  char *folder = lamp_test_folder_new ();
  g_autofree char *path = g_build_filename (folder, "queue.db", NULL);
  g_autofree char *copy = g_build_filename (base_folder, "copy.db", NULL);
  LampQueue *queue = start (sweep, folder);
  g_autoptr (GError) error = NULL;

  copy_queue (path, copy);
  sweep->before = state_read (copy);
  sweep->operation->run (queue, &error);
  g_assert_no_error (error);
  sweep->after = state_read (path);
  if (sweep->operation->base == BASE_HOLLOW)
    g_assert_cmpint (sweep->after->unused, <, sweep->before->unused);
  lamp_test_finalize (queue);
  g_unlink (copy);
  lamp_test_folder_free (folder);
}

/* TRUE while the operation gets as far as @point. */
static gboolean
try_point (Sweep *sweep,
           guint  point)
{
  char *folder = lamp_test_folder_new ();
  char *other = lamp_test_folder_new ();
  g_autofree char *path = g_build_filename (folder, "queue.db", NULL);
  g_autofree char *copy = g_build_filename (other, "queue.db", NULL);
  g_autofree char *failed = NULL;
  LampQueue *queue = start (sweep, folder);
  g_autoptr (State) next = NULL;
  g_autoptr (State) last = NULL;
  g_autoptr (GError) error = NULL;
  gboolean good;

  lamp_fault_vfs_fail (point, sweep->for_good, sweep->code);
  good = sweep->operation->run (queue, &error);
  lamp_fault_vfs_mend ();
  failed = lamp_fault_vfs_dup_failed ();
  copy_queue (path, copy);

  if (!good)
    check_error (sweep, point, path, error);
  sweep->errors += !good;
  check_copy (sweep, point, copy, good);
  next = check_live (sweep, point, queue, good);
  lamp_test_finalize (queue);
  if (lamp_fault_vfs_get_open_files () != 0)
    violation (sweep, point, "%u files are still open", lamp_fault_vfs_get_open_files ());

  last = state_read (path);
  check_sound (sweep, point, last, "opened anew");
  if (!g_str_equal (last->rows, next->rows))
    violation (sweep, point, "opened anew it holds something else");

  lamp_fault_vfs_watch (NULL, FALSE);
  lamp_test_folder_free (folder);
  lamp_test_folder_free (other);

  return failed != NULL;
}

static guint
sweep_one (const Operation *operation,
           gboolean         warm,
           int              code,
           gboolean         for_good)
{
  Sweep sweep = { operation, warm, code, for_good };
  guint point = 1;

  rehearse (&sweep);
  while (try_point (&sweep, point))
    point++;

  g_test_message ("%s %s, %s %s: %u points, %u errors answered, %u undone only in memory",
                  operation->name, warm ? "warm" : "cold", sqlite3_errstr (code),
                  for_good ? "for good" : "once", point - 1, sweep.errors, sweep.ghosts);
  state_free (sweep.before);
  state_free (sweep.after);

  return point - 1;
}

static guint total_points;

static gboolean
is_ours (Base base)
{
  return base == BASE_OURS || base == BASE_HOLLOW;
}

static void
test_sweep (gconstpointer data)
{
  const Operation *operation = data;
  guint points = 0;

  mishaps = TRUE;
  lamp_fault_vfs_forbid_wal (operation->no_wal);
  for (int warm = 0; warm <= is_ours (operation->base); warm++)
    if (LAMP_TEST_SANITIZED)
      points += sweep_one (operation, warm, warm ? SQLITE_FULL : SQLITE_IOERR, warm);
    else
      for (int for_good = 0; for_good <= 1; for_good++)
        points += sweep_one (operation, warm, SQLITE_IOERR, for_good) +
                  sweep_one (operation, warm, SQLITE_FULL, for_good);
  lamp_fault_vfs_forbid_wal (FALSE);
  mishaps = FALSE;

  g_assert_cmpuint (points, >, 0);
  total_points += points;
  g_test_message ("%s: %u points, %u in all so far", operation->name, points, total_points);
}

/* --- power cuts --------------------------------------------------------- */

#define STATUS_GONE 3

/* An event that was answered. */
typedef struct
{
  char *envelope; /* (owned) */
  int status;     /* a LampStatus, or STATUS_GONE after a discard */
  int next;       /* what the operation under way makes of it */
  guint others;   /* bits: what those without a good answer may have made of it since */
} Known;

/* Events that were handed in together and not answered: all or none of them are there. */
typedef struct
{
  guint first;
  guint n;
} Group;

typedef struct
{
  guint32 seed;
  guint round;
  GRand *chance;     /* (owned) */
  LampQueue *queue;  /* (owned) */
  GHashTable *known; /* (owned) event_id → Known */
  GArray *groups;    /* (owned) of Group */
  guint next;        /* the number of the next event, which is its type */
  guint history_events;
  gint64 clock; /* the largest that was answered */
  char ulid[LAMP_ULID_LENGTH + 1];
} Cut;

static void G_GNUC_PRINTF (2, 3) G_GNUC_NORETURN
  cut_violation (const Cut *self, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_error ("LAMPPOST_CUT_SEED=%u, round %u: %s", self->seed, self->round, what);
}

static gboolean
one_in (Cut *self,
        int  n)
{
  return g_rand_int_range (self->chance, 0, n) == 0;
}

static void
known_free (gpointer data)
{
  g_free (((Known *) data)->envelope);
  g_free (data);
}

static void
learn (Cut        *self,
       const char *event_id,
       char       *envelope,
       int         status)
{
  Known *known = g_new0 (Known, 1);

  known->envelope = envelope;
  known->status = status;
  known->next = status;
  g_hash_table_insert (self->known, g_strdup (event_id), known);
}

/* The names of the events are their numbers, so that they are known without an answer. */
static GPtrArray *
make_events (Cut  *self,
             guint n)
{
  GPtrArray *events = g_ptr_array_new_with_free_func ((GDestroyNotify) lamp_event_unref);
  Group group = { self->next, n };

  for (guint i = 0; i < n; i++)
    {
      gsize length = one_in (self, 40)   ? 60000
                     : one_in (self, 10) ? 9000
                                         : (gsize) g_rand_int_range (self->chance, 1, 600);
      g_autofree char *filler = g_strnfill (length, 'x');
      g_autofree char *payload = g_strdup_printf ("{\"x\":\"%s\"}", filler);
      g_autofree char *type = g_strdup_printf ("%u", self->next++);

      g_ptr_array_add (events, lamp_test_event ("mission", type, payload));
    }

  g_array_append_val (self->groups, group);

  return events;
}

static void
forget_group (Cut  *self,
              guint first)
{
  for (guint i = 0; i < self->groups->len; i++)
    if (g_array_index (self->groups, Group, i).first == first)
      {
        g_array_remove_index (self->groups, i);
        return;
      }
}

/* @receipts: (nullable) */
static void
take_receipts (Cut       *self,
               guint      first,
               GPtrArray *receipts)
{
  if (receipts == NULL)
    return;

  forget_group (self, first);
  for (guint i = 0; i < receipts->len; i++)
    {
      const LampReceipt *receipt = g_ptr_array_index (receipts, i);

      learn (self, receipt->event_id,
             lamp_event_to_envelope (receipt->event, receipt->event_id, receipt->lamport_clock,
                                     NULL, NULL),
             LAMP_STATUS_PENDING);
      if (receipt->lamport_clock <= self->clock || strcmp (receipt->event_id, self->ulid) <= 0)
        cut_violation (self, "clock or ULID went back");

      self->clock = receipt->lamport_clock;
      g_strlcpy (self->ulid, receipt->event_id, sizeof self->ulid);
    }
}

static void
cut_append (Cut  *self,
            guint n)
{
  guint first = self->next;
  g_autoptr (GPtrArray) events = make_events (self, n);
  g_autoptr (GPtrArray) receipts = lamp_queue_append (self->queue, events, NULL);

  take_receipts (self, first, receipts);
}

static void
cut_append_async (Cut *self)
{
  GAsyncResult *results[8] = { NULL };
  guint firsts[8];
  guint n = (guint) g_rand_int_range (self->chance, 2, G_N_ELEMENTS (results));

  for (guint i = 0; i < n; i++)
    {
      guint count = (guint) g_rand_int_range (self->chance, 1, 4);
      g_autoptr (GPtrArray) events = NULL;

      firsts[i] = self->next;
      events = make_events (self, count);
      lamp_queue_append_async (self->queue, events, lamp_test_result_cb, &results[i]);
    }

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GPtrArray) receipts = NULL;

      lamp_test_wait_until (results[i] != NULL);
      receipts = lamp_queue_append_finish (self->queue, results[i], NULL);
      take_receipts (self, firsts[i], receipts);
      g_object_unref (results[i]);
    }
}

static void
expect (Cut        *self,
        const char *event_id,
        int         status)
{
  Known *known = g_hash_table_lookup (self->known, event_id);

  if (known == NULL)
    cut_violation (self, "the event %s came from nowhere", event_id);

  known->next = status;
}

/* A good answer makes what was expected certain, and what failed before it undone. */
static void
settle_expectations (Cut     *self,
                     gboolean good)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->known);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Known *known = value;

      known->others = good ? 0 : known->others | 1u << known->next;
      if (good)
        known->status = known->next;
      known->next = known->status;
    }
}

static void
cut_settle (Cut *self)
{
  static const char *const letters[] = { "d", "ddr", "r", "d-", "rd-d" };
  const char *verdicts = letters[g_rand_int_range (self->chance, 0, G_N_ELEMENTS (letters))];
  g_autoptr (LampBatch) batch = read_batch (self->queue, 20, NULL);

  for (guint i = 0; batch != NULL && i < lamp_batch_get_size (batch); i++)
    {
      char letter = verdicts[i % strlen (verdicts)];

      if (letter != '-')
        expect (self, lamp_batch_get_event (batch, i)->event_id,
                letter == 'd' ? LAMP_STATUS_DELIVERED : LAMP_STATUS_FAILED);
    }

  if (batch != NULL)
    settle_expectations (self, settle_batch (self->queue, batch, verdicts, NULL));
}

static void
cut_resend (Cut *self,
            int  status)
{
  g_auto (GStrv) ids = NULL;
  const char *const *some = NULL;
  guint count;

  if (!dup_failed_ids (self->queue, &ids, NULL))
    return;

  for (gsize i = 0; ids[i] != NULL; i++)
    expect (self, ids[i], status);
  some = (const char *const *) ids;
  if (status == LAMP_STATUS_PENDING)
    settle_expectations (self, lamp_queue_resend (self->queue, some, &count, NULL));
  else
    settle_expectations (self, lamp_queue_discard (self->queue, some, &count, NULL));
}

static void
cut_observe (Cut *self)
{
  g_autoptr (GAsyncResult) result = NULL;
  gint64 clock;

  lamp_queue_observe_async (self->queue, self->clock + g_rand_int_range (self->chance, -5, 50),
                            lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  if (lamp_queue_observe_finish (self->queue, result, &clock, NULL))
    self->clock = clock;
}

/* The other tool: a row of its own, or a checkpoint. */
static void
cut_other_tool (Cut *self)
{
  static const char *const checkpoints[] = {
    "PRAGMA wal_checkpoint (PASSIVE)",
    "PRAGMA wal_checkpoint (RESTART)",
    "PRAGMA wal_checkpoint (TRUNCATE)",
  };
  g_autoptr (LampTestDb) db = NULL;
  int checkpoint = g_rand_int_range (self->chance, 0, G_N_ELEMENTS (checkpoints) * 2);
  guint number = self->next;
  Group group = { number, 1 };
  g_autofree char *event_id = g_strdup_printf ("FOREIGN%u", number);
  g_autofree char *envelope = g_strdup_printf ("{\"event_id\":\"%s\"}", event_id);
  g_autofree char *sql = g_strdup_printf (
    "INSERT INTO queue (event_id, event_type, data, timestamp) VALUES ('%s', '%u', '%s', 1)",
    event_id, number, envelope);

  /* A connection that can't be opened has to be closed, too. */
  if (sqlite3_open (lamp_queue_get_path (self->queue), &db) != SQLITE_OK)
    return;

  sqlite3_busy_timeout (db, 5000);

  /* Without a write-ahead log the other tool, which leaves it at FULL, may lose its last row. */
  sqlite3_exec (db, "PRAGMA synchronous = EXTRA", NULL, NULL, NULL);
  if (checkpoint < (int) G_N_ELEMENTS (checkpoints))
    {
      sqlite3_exec (db, checkpoints[checkpoint], NULL, NULL, NULL);
      return;
    }

  self->next++;
  if (sqlite3_exec (db, sql, NULL, NULL, NULL) == SQLITE_OK)
    learn (self, event_id, g_steal_pointer (&envelope), LAMP_STATUS_PENDING);
  else
    g_array_append_val (self->groups, group);
}

static void
cut_start (Cut        *self,
           const char *folder)
{
  g_autofree char *path = g_build_filename (folder, "queue.db", NULL);

  self->queue = lamp_queue_new (path, NODE);
  lamp_queue_set_history (self->queue, 7, self->history_events);
}

static void
cut_step (Cut        *self,
          const char *folder)
{
  int dice = g_rand_int_range (self->chance, 0, 100);

  if (dice < 35)
    cut_append (self, 1);
  else if (dice < 43)
    cut_append (self, (guint) g_rand_int_range (self->chance, 2, 40));
  else if (dice < 55)
    cut_append_async (self);
  else if (dice < 72)
    cut_settle (self);
  else if (dice < 77)
    cut_resend (self, LAMP_STATUS_PENDING);
  else if (dice < 80)
    cut_resend (self, STATUS_GONE);
  else if (dice < 84)
    cut_observe (self);
  else if (dice < 90)
    tidy (self->queue, NULL);
  else if (dice < 96)
    cut_other_tool (self);
  else
    {
      lamp_test_finalize (g_steal_pointer (&self->queue));
      cut_start (self, folder);
    }
}

/* --- after the cut ------------------------------------------------------ */

static void
check_files (const Cut  *self,
             const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    if (strstr (name, "corrupt") != NULL)
      cut_violation (self, "the queue was taken for damaged: %s", name);
}

static void
check_group (const Cut  *self,
             LampTestDb *db,
             Group       group)
{
  g_autofree char *sql = g_strdup_printf (
    "SELECT count(*) FROM queue WHERE CAST (event_type AS INTEGER) BETWEEN %u AND %u", group.first,
    group.first + group.n - 1);
  gint64 count = lamp_test_db_int (db, sql);

  if (count != 0 && count != group.n)
    cut_violation (self, "%" G_GINT64_FORMAT " of %u events without an answer", count, group.n);
}

static void
check_known (const Cut   *self,
             const char  *event_id,
             const Known *known,
             char       **columns)
{
  guint allowed = 1u << known->status | known->others;
  int status = columns != NULL ? (int) g_ascii_strtoll (columns[1], NULL, 10) : STATUS_GONE;

  if (self->history_events < 100 && (allowed & 1u << LAMP_STATUS_DELIVERED) != 0)
    allowed |= 1u << STATUS_GONE;

  if ((allowed & 1u << status) == 0)
    cut_violation (self, "the event %s is %d, of the bits %x", event_id, status, allowed);

  if (columns != NULL && !g_str_equal (columns[2], known->envelope))
    cut_violation (self, "the event %s is not what was answered", event_id);
}

static gboolean
was_unanswered (const Cut  *self,
                const char *event_type)
{
  guint number = (guint) g_ascii_strtoull (event_type, NULL, 10);

  for (guint i = 0; i < self->groups->len; i++)
    {
      Group group = g_array_index (self->groups, Group, i);

      if (number >= group.first && number < group.first + group.n)
        return TRUE;
    }

  return FALSE;
}

#define SQL_EVENTS                                                                                 \
  "SELECT q.event_id, s.status, q.data, q.event_type "                                             \
  "FROM queue q LEFT JOIN lamppost_state s ON s.status IN (0, 1, 2) AND s.id = q.id "              \
  "UNION ALL SELECT event_id, 0, data, event_type FROM lamppost_history"

/* Compares what is there with what was answered; from then on what is there is known. */
static void
compare (Cut        *self,
         LampTestDb *db)
{
  g_autofree char *text = lamp_test_db_text (db, SQL_EVENTS);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_autoptr (GHashTable) before = g_steal_pointer (&self->known);
  GHashTableIter iter;
  gpointer key;
  gpointer value;

  self->known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, known_free);
  for (gsize i = 0; lines[i] != NULL && *lines[i] != '\0'; i++)
    {
      g_auto (GStrv) columns = g_strsplit (lines[i], "|", -1);
      const Known *known = g_hash_table_lookup (before, columns[0]);

      if (g_hash_table_contains (self->known, columns[0]))
        cut_violation (self, "the event %s is there twice", columns[0]);

      if (known != NULL)
        check_known (self, columns[0], known, columns);
      else if (!was_unanswered (self, columns[3]))
        cut_violation (self, "the event %s came from nowhere", columns[0]);

      learn (self, columns[0], g_strdup (columns[2]), (int) g_ascii_strtoll (columns[1], NULL, 10));
      g_hash_table_remove (before, columns[0]);
    }

  g_hash_table_iter_init (&iter, before);
  while (g_hash_table_iter_next (&iter, &key, &value))
    check_known (self, key, value, NULL);
}

/* Opens what the disk holds with a fresh queue, and compares. */
static void
cut_check (Cut        *self,
           const char *folder)
{
  g_autofree char *path = g_build_filename (folder, "queue.db", NULL);
  g_autoptr (State) state = NULL;
  g_autoptr (LampTestDb) db = NULL;
  g_autoptr (GError) error = NULL;

  cut_start (self, folder);
  if (!lamp_queue_open (self->queue, &error))
    cut_violation (self, "%s", error->message);

  check_files (self, folder);
  state = state_read (path);
  if (!state->whole || !state->counted)
    cut_violation (self, "the file is %swhole and %scounted", state->whole ? "" : "not ",
                   state->counted ? "" : "not ");

  if (state->clock < self->clock || strcmp (state->ulid, self->ulid) < 0)
    cut_violation (self, "the clock or the last ULID went back");

  /* What an unanswered event was given counts as given out, too. */
  self->clock = state->clock;
  g_strlcpy (self->ulid, state->ulid, sizeof self->ulid);

  db = lamp_test_db_open (path);
  for (guint i = 0; i < self->groups->len; i++)
    check_group (self, db, g_array_index (self->groups, Group, i));
  compare (self, db);
  g_array_set_size (self->groups, 0);
}

/* A day of work that ends in the dark. TRUE if that was before the evening. */
static gboolean
cut_work (Cut        *self,
          const char *folder,
          const char *disk)
{
  guint32 seed = g_rand_int (self->chance);
  gboolean early;

  /* Some days the disk was unwell before. */
  if (one_in (self, 3))
    lamp_fault_vfs_fail ((guint) g_rand_int_range (self->chance, 1, CUT_POINTS / 2),
                         one_in (self, 4), one_in (self, 2) ? SQLITE_IOERR : SQLITE_FULL);
  lamp_fault_vfs_cut_at ((guint) g_rand_int_range (self->chance, 1, CUT_POINTS), seed, disk);
  for (guint i = 0; i < CUT_STEPS && !lamp_fault_vfs_was_cut (); i++)
    cut_step (self, folder);

  early = lamp_fault_vfs_was_cut ();
  if (!early)
    lamp_fault_vfs_cut (seed, disk);
  lamp_test_finalize (g_steal_pointer (&self->queue));

  return early;
}

/* The second day starts on the disk that the first has left. */
static guint
run_seed (guint32 seed)
{
  Cut self = { .seed = seed, .chance = g_rand_new_with_seed (seed) };
  char *folder = lamp_test_folder_new ();
  guint early = 0;

  self.known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, known_free);
  self.groups = g_array_new (FALSE, FALSE, sizeof (Group));
  self.history_events = one_in (&self, 2) ? 5 : 10000;
  lamp_fault_vfs_watch (folder, TRUE);
  cut_start (&self, folder);

  for (self.round = 1; self.round <= CUT_ROUNDS; self.round++)
    {
      char *disk = lamp_test_folder_new ();

      early += cut_work (&self, folder, disk);
      lamp_test_folder_free (folder);
      folder = disk;
      lamp_fault_vfs_watch (folder, TRUE);
      cut_check (&self, folder);
      cut_append (&self, 3);
    }

  lamp_test_finalize (g_steal_pointer (&self.queue));
  lamp_fault_vfs_watch (NULL, FALSE);
  lamp_test_folder_free (folder);
  g_hash_table_unref (self.known);
  g_array_unref (self.groups);
  g_rand_free (self.chance);

  return early;
}

static void
test_power_cut (gconstpointer data)
{
  const char *one = g_getenv ("LAMPPOST_CUT_SEED");
  const char *many = g_getenv ("LAMPPOST_CUT_SEEDS");
  guint32 first = one != NULL ? (guint32) g_ascii_strtoull (one, NULL, 10) : 1;
  guint32 n = GPOINTER_TO_UINT (data);
  guint early = 0;

  if (one != NULL)
    n = 1;
  else if (many != NULL)
    n = (guint32) g_ascii_strtoull (many, NULL, 10);

  mishaps = TRUE;
  for (guint32 seed = first; seed < first + n; seed++)
    early += run_seed (seed);
  mishaps = FALSE;

  g_test_message ("%u seeds, %u cuts, %u of them in the middle of something", n, n * CUT_ROUNDS,
                  early);
}

/* A network file system: no memory is shared, so SQLite uses a rollback journal. */
static void
test_power_cut_without_wal (gconstpointer data)
{
  lamp_fault_vfs_forbid_wal (TRUE);
  test_power_cut (data);
  lamp_fault_vfs_forbid_wal (FALSE);
}

/* --- without a write-ahead log ------------------------------------------ */

static gboolean
has_side_file (const char *path,
               const char *suffix)
{
  g_autofree char *side = g_strconcat (path, suffix, NULL);

  return g_file_test (side, G_FILE_TEST_EXISTS);
}

typedef gboolean (*Step) (LampQueue *queue, GError **error);

/* All that a queue does, one thing after the other. */
static void
do_everything (LampQueue *queue)
{
  static const Step steps[] = {
    open_queue,   append_hundred, append_async, settle_mixed, resend_some,  settle_failed, discard,
    settle_mixed, resend_all,     observe,      import_lines, import_queue, tidy,
  };

  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      g_autoptr (GError) error = NULL;

      steps[i](queue, &error);
      g_assert_no_error (error);
      g_assert_false (has_side_file (lamp_queue_get_path (queue), "-wal"));
      g_assert_false (has_side_file (lamp_queue_get_path (queue), "-shm"));
    }
}

static gboolean
insert_and_look (LampStore *store,
                 gpointer   data,
                 GError   **error)
{
  g_autofree char *journal = g_strconcat (lamp_store_get_path (store), "-journal", NULL);
  guint *mode = data;

  if (!lamp_store_insert (store, "JOURNAL", "Journal", "{}", 2, 1, error))
    return FALSE;

  *mode = lamp_test_get_mode (journal);

  return TRUE;
}

static void
assert_journal_is_private (const char *path)
{
  LampStore *store = lamp_store_new (path, NODE);
  g_autoptr (GError) error = NULL;
  guint mode = 0;

  lamp_store_run (store, LAMP_STORE_WRITE, insert_and_look, &mode, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmphex (mode, ==, 0600);
  g_assert_finalize_object (store);
}

/* The other tool's rows are noticed, too: there the file itself is what is written. */
static void
assert_notices_others (LampQueue *queue)
{
  guint64 before;

  g_assert_true (lamp_queue_open (queue, NULL));
  before = lamp_queue_get_tally (queue)->pending;
  lamp_queue_watch (queue);
  lamp_test_wait_until (G_OBJECT (queue)->ref_count == 1);
  {
    g_autoptr (LampTestDb) db = db_open (lamp_queue_get_path (queue));

    lamp_test_db_run (db,
                      "INSERT INTO queue (event_id, event_type, data, timestamp) "
                      "VALUES ('OTHER', 'Other', '{}', 1)");
  }
  lamp_test_wait_until (lamp_queue_get_tally (queue)->pending == before + 1);
}

static void
test_without_wal (void)
{
  char *folder = lamp_test_folder_new ();
  g_autofree char *path = g_build_filename (folder, "queue.db", NULL);
  LampQueue *queue = NULL;
  guint64 pending;
  mode_t mask = umask (0);

  lamp_fault_vfs_forbid_wal (TRUE);
  queue = lamp_queue_new (path, NODE);
  lamp_queue_set_history (queue, 7, HISTORY_EVENTS);
  do_everything (queue);
  g_assert_cmpuint (lamp_queue_get_tally (queue)->delivered, ==, HISTORY_EVENTS);
  g_assert_cmpuint (lamp_queue_get_tally (queue)->failed, >, 0);
  assert_journal_is_private (path);
  g_assert_cmphex (lamp_test_get_mode (path), ==, 0600);
  assert_notices_others (queue);
  pending = lamp_queue_get_tally (queue)->pending;
  lamp_test_finalize (queue);

  /* And so does the next one that opens it. */
  queue = lamp_queue_new (path, NODE);
  g_assert_true (append (queue, 3, NULL));
  g_assert_cmpuint (lamp_queue_get_tally (queue)->pending, ==, pending + 3);
  lamp_test_finalize (queue);
  {
    g_autoptr (LampTestDb) db = db_open (path);
    g_autofree char *mode = lamp_test_db_text (db, "PRAGMA journal_mode");

    g_assert_cmpstr (mode, ==, "delete\n");
    lamp_test_db_assert_sound (db);
  }

  lamp_fault_vfs_forbid_wal (FALSE);
  umask (mask);
  lamp_test_folder_free (folder);
}

/* Without a write-ahead log a lock may keep readers away, too: then all that wait, writers and
 * readers, wait for it once. */
static void
test_lock_without_wal (gconstpointer data)
{
  char *folder = lamp_test_folder_new ();
  g_autofree char *path = g_build_filename (folder, "queue.db", NULL);
  LampQueue *queue = lamp_queue_new (path, NODE);
  g_autoptr (GPtrArray) events = events_new (1);
  GAsyncResult *results[4] = { NULL };
  g_autoptr (LampTestDb) db = NULL;
  gint64 start;

  lamp_fault_vfs_forbid_wal (TRUE);
  g_assert_true (append (queue, 1, NULL));
  if (GPOINTER_TO_INT (data))
    {
      lamp_test_finalize (queue);
      queue = lamp_queue_new (path, NODE);
    }

  db = db_open (path);
  lamp_test_db_run (db, "BEGIN EXCLUSIVE");
  start = g_get_monotonic_time ();
  for (guint i = 0; i < 2; i++)
    lamp_queue_append_async (queue, events, lamp_test_result_cb, &results[i]);
  for (guint i = 2; i < G_N_ELEMENTS (results); i++)
    lamp_queue_get_async (queue, "NOBODY", lamp_test_result_cb, &results[i]);

  for (guint i = 0; i < G_N_ELEMENTS (results); i++)
    {
      g_autoptr (GError) error = NULL;

      lamp_test_wait_until (results[i] != NULL);
      if (i < 2)
        g_assert_null (lamp_queue_append_finish (queue, results[i], &error));
      else
        g_assert_null (lamp_queue_get_finish (queue, results[i], &error));
      g_assert_error (error, LAMP_ERROR, LAMP_ERROR_STORAGE);
      g_assert_nonnull (strstr (error->message, "another program"));
    }
  g_test_message ("%.1f s", (double) (g_get_monotonic_time () - start) / G_USEC_PER_SEC);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 14 * G_TIME_SPAN_SECOND);

  lamp_test_db_run (db, "COMMIT");
  g_assert_true (append (queue, 1, NULL));
  g_assert_cmpuint (lamp_queue_get_tally (queue)->pending, ==, 2);
  lamp_test_db_assert_sound (db);
  for (guint i = 0; i < G_N_ELEMENTS (results); i++)
    g_clear_object (&results[i]);
  lamp_test_finalize (queue);
  g_clear_pointer (&db, lamp_test_db_close);
  lamp_fault_vfs_forbid_wal (FALSE);
  lamp_test_folder_free (folder);
}

/* --- a disk that is really full ----------------------------------------- */

#ifdef __linux__

/* Takes all the room that is left, in ever smaller pieces. */
static void
fill (const char *path)
{
  static const char block[65536];
  FILE *file = g_fopen (path, "ab");
  gsize size = sizeof block;

  g_assert_nonnull (file);
  setvbuf (file, NULL, _IONBF, 0);
  while (size > 0)
    if (fwrite (block, 1, size, file) != size)
      size /= 2;
  fclose (file);
}

static gboolean
append_long (LampQueue *queue,
             GError   **error)
{
  g_autoptr (GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) lamp_event_unref);
  g_autofree char *filler = g_strnfill (20000, 'x');
  g_autofree char *payload = g_strdup_printf ("{\"x\":\"%s\"}", filler);
  g_autoptr (GPtrArray) receipts = NULL;

  g_ptr_array_add (events, lamp_test_event ("mission", "Long", payload));
  receipts = lamp_queue_append (queue, events, error);

  return receipts != NULL;
}

static void
assert_full (LampQueue *queue)
{
  g_autoptr (GError) error = NULL;

  while (append_long (queue, &error))
    ;
  g_assert_error (error, LAMP_ERROR, LAMP_ERROR_STORAGE);
  if (strstr (error->message, lamp_queue_get_path (queue)) == NULL ||
      strstr (error->message, "disk is full") == NULL)
    g_error ("“%s” doesn’t say that the disk is full", error->message);
}

/* When the room went: before there was a queue, while it was closed, while it was open. */
typedef enum
{
  FULL_BEFORE,
  FULL_WHILE_CLOSED,
  FULL_WHILE_OPEN,
} FullWhen;

static void
check_full_disk (const char *folder,
                 FullWhen    when)
{
  g_autofree char *path = g_build_filename (folder, "queue.db", NULL);
  g_autofree char *filler = g_build_filename (folder, "filler", NULL);
  LampQueue *queue = lamp_queue_new (path, NODE);
  g_autoptr (State) state = NULL;
  g_autoptr (GError) error = NULL;

  if (when != FULL_BEFORE)
    g_assert_true (append (queue, 3, NULL));
  if (when == FULL_WHILE_CLOSED)
    {
      g_assert_finalize_object (queue);
      queue = lamp_queue_new (path, NODE);
    }

  fill (filler);
  assert_full (queue);
  assert_full (queue);

  g_assert_no_errno (g_unlink (filler));
  append (queue, 2, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (lamp_queue_get_tally (queue)->pending, >=, when == FULL_BEFORE ? 2 : 5);
  state = state_read (path);
  g_assert_true (state->whole && state->counted);
  g_assert_cmpint (state->clock, ==, (gint64) lamp_queue_get_tally (queue)->pending);
  g_assert_finalize_object (queue);
}

/* The mount is this thread's, and that of those it starts: nobody else sees it. */
static gpointer
full_disk_thread (gpointer data)
{
  const char *folder = data;

  if (syscall (SYS_unshare, CLONE_NEWNS) != 0 ||
      mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
    return (gpointer) g_strerror (errno);

  for (FullWhen when = FULL_BEFORE; when <= FULL_WHILE_OPEN; when++)
    {
      if (mount ("none", folder, "tmpfs", 0, TMPFS_SIZE) != 0)
        return (gpointer) g_strerror (errno);

      check_full_disk (folder, when);
      g_assert_no_errno (umount2 (folder, MNT_DETACH));
    }

  return NULL;
}

static void
test_full_disk (void)
{
  char *folder = lamp_test_folder_new ();
  GThread *thread = NULL;
  const char *problem = NULL;

  mishaps = TRUE;
  thread = g_thread_new ("full-disk", full_disk_thread, folder);
  problem = g_thread_join (thread);
  mishaps = FALSE;
  if (problem != NULL)
    g_test_skip_printf ("no tmpfs in a mount namespace of our own (it needs root): %s", problem);

  lamp_test_folder_free (folder);
}

#endif

int
main (int   argc,
      char *argv[])
{
  int status;

  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (write_log, NULL, NULL);
  lamp_fault_vfs_register ();
  make_bases ();

  for (guint i = 0; i < G_N_ELEMENTS (operations); i++)
    {
      g_autofree char *path = g_strconcat ("/fault/sweep/", operations[i].name, NULL);

      g_test_add_data_func (path, &operations[i], test_sweep);
    }
  g_test_add_data_func ("/fault/power-cut", GUINT_TO_POINTER (CUT_SEEDS), test_power_cut);
  g_test_add_data_func ("/fault/power-cut-without-wal", GUINT_TO_POINTER (CUT_SEEDS_WITHOUT_WAL),
                        test_power_cut_without_wal);
  g_test_add_func ("/fault/without-wal", test_without_wal);
  g_test_add_data_func ("/fault/lock-without-wal", GINT_TO_POINTER (FALSE), test_lock_without_wal);
  g_test_add_data_func ("/fault/lock-without-wal-when-opened", GINT_TO_POINTER (TRUE),
                        test_lock_without_wal);
#ifdef __linux__
  g_test_add_func ("/fault/full-disk", test_full_disk);
#endif

  status = g_test_run ();
  lamp_test_folder_free (base_folder);

  return status;
}
