/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-store.h"

#include "lamp-error.h"
#include "lamp-store-file.h"
#include "lamp-store-private.h"
#include "lamp-ulid.h"

#include <string.h>

#include <glib/gi18n-lib.h>

/* What a transaction has read and will write back once, before its commit. */
typedef struct
{
  char ulid[LAMP_ULID_LENGTH + 1];
  gint64 adopted;
  gint64 newest;
  gint64 clock;
  gboolean rewritten;
  gboolean marks_loaded;
  gboolean marks_changed;
  gboolean clock_loaded;
  gboolean clock_changed;
} Pending;

typedef struct
{
  LampStoreMode mode;
  LampStoreFunc func;
  gpointer data;            /* (nullable) */
  GDestroyNotify free_data; /* (nullable) */
  GTask *task;              /* (owned) (nullable) NULL when somebody waits in lamp_store_run() */
  GError *error;            /* (owned) (nullable) */
  LampTally tally;
  gboolean done;
} Request;

struct _LampStore
{
  GObject parent_instance;

  char *path;    /* (owned) */
  char *node_id; /* (owned) */

  GThread *thread; /* (owned) */
  GMutex lock;     /* guards the three below, and Request.done */
  GCond changed;
  GQueue waiting; /* of Request, not owned by the queue: by their task or their caller */
  gboolean stopping;
  char *notice; /* (owned) (nullable) */

  /* Only on the thread: */
  sqlite3 *db;            /* (owned) (nullable) NULL until the file could be opened */
  GHashTable *statements; /* (owned) SQL literal → sqlite3_stmt */
  Pending pending;
  int last_code;  /* of SQLite, when something failed last */
  gboolean began; /* the last transaction that was wanted */
  gboolean impatient;
  guint mishaps;
};

G_DEFINE_FINAL_TYPE (LampStore, lamp_store, G_TYPE_OBJECT)

#define SQL_GET_MARKS                                                                              \
  "SELECT last_ulid, adopted, (SELECT max (id) FROM queue), "                                      \
  "EXISTS (SELECT 1 FROM lamppost_rewritten WHERE id > 0) FROM lamppost_counter"
#define SQL_SET_MARKS "UPDATE lamppost_counter SET last_ulid = ?1, adopted = ?2"
#define SQL_GET_CLOCK "SELECT value FROM lamppost_clock WHERE node_id = ?1"
#define SQL_SET_CLOCK                                                                              \
  "INSERT INTO lamppost_clock (node_id, value) VALUES (?1, ?2) "                                   \
  "ON CONFLICT (node_id) DO UPDATE SET value = excluded.value"
#define SQL_TALLY                                                                                  \
  "SELECT pending, failed, settled + history, settled, last_delivery, "                            \
  "coalesce ((SELECT queued_at FROM lamppost_state WHERE status = 2 ORDER BY id LIMIT 1), 0), "    \
  "coalesce ((SELECT value FROM lamppost_clock WHERE node_id = ?1), 0) "                           \
  "FROM lamppost_counter"

/* --- errors ------------------------------------------------------------- */

static const char *
cause_of_code (int code)
{
  /* No room for the -shm, which is the first that an opening on a full disk asks for. */
  if (code == SQLITE_IOERR_SHMSIZE)
    code = SQLITE_FULL;

  switch (code & 0xff)
    {
    case SQLITE_FULL:
      return _("the disk is full; make some room and try again");
    case SQLITE_READONLY:
    case SQLITE_PERM:
      /* TRANSLATORS: the queue; behind “The queue … can’t be used: ” */
      return _("it may not be written; check the permissions of the file and its folder");
    case SQLITE_CANTOPEN:
      /* TRANSLATORS: the queue; behind “The queue … can’t be used: ” */
      return _("it can’t be opened; check that the folder exists and that you may write to it");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      /* TRANSLATORS: the queue; behind “The queue … can’t be used: ” */
      return _("another program has held it locked for 5 seconds; end that program or try again");
    case SQLITE_IOERR:
      return _("the disk reports an error; check the disk and its cables or mount");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return _("the file is damaged or not a queue");
    default:
      return NULL;
    }
}

/* Those that wait for a lock together wait for it once, readers too (without a write-ahead log it
 * may keep them away): whoever comes later in this turn tries, but doesn't wait again. */
static void
lose_patience (LampStore *self)
{
  self->impatient = TRUE;
  if (self->db != NULL)
    sqlite3_busy_timeout (self->db, 0);
}

static void
regain_patience (LampStore *self)
{
  if (self->impatient && self->db != NULL)
    sqlite3_busy_timeout (self->db, LAMP_STORE_PATIENCE_MS);
  self->impatient = FALSE;
}

gboolean
lamp_store_fail (LampStore *self,
                 int        code,
                 GError   **error)
{
  const char *cause = cause_of_code (code);

  self->last_code = code & 0xff;
  if (self->last_code == SQLITE_BUSY)
    lose_patience (self);
  if (cause == NULL)
    cause = self->db != NULL ? sqlite3_errmsg (self->db) : sqlite3_errstr (code);

  g_set_error (error, LAMP_ERROR, LAMP_ERROR_STORAGE, _("The queue “%s” can’t be used: %s"),
               self->path, cause);

  return FALSE;
}

/* --- statements --------------------------------------------------------- */

void
lamp_statement_done (LampStatement *statement)
{
  sqlite3_reset (statement);
  sqlite3_clear_bindings (statement);
}

sqlite3 *
lamp_store_get_db (LampStore *self)
{
  return self->db;
}

void
lamp_store_set_db (LampStore *self,
                   sqlite3   *db)
{
  g_hash_table_remove_all (self->statements);
  g_clear_pointer (&self->db, sqlite3_close);
  self->db = db;
}

LampStatement *
lamp_store_statement (LampStore  *self,
                      const char *sql,
                      GError    **error)
{
  sqlite3_stmt *statement = g_hash_table_lookup (self->statements, sql);
  int code;

  if (statement != NULL)
    return statement;

  code = sqlite3_prepare_v3 (self->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
  if (code != SQLITE_OK)
    {
      lamp_store_fail (self, code, error);
      return NULL;
    }

  g_hash_table_insert (self->statements, (gpointer) sql, statement);

  return statement;
}

gboolean
lamp_store_step (LampStore     *self,
                 LampStatement *statement,
                 int           *step,
                 GError       **error)
{
  *step = sqlite3_step (statement);

  if (*step == SQLITE_ROW || *step == SQLITE_DONE)
    return TRUE;

  return lamp_store_fail (self, *step, error);
}

gboolean
lamp_store_execute (LampStore     *self,
                    LampStatement *statement,
                    GError       **error)
{
  int step;

  return lamp_store_step (self, statement, &step, error);
}

gboolean
lamp_store_execute_script (LampStore  *self,
                           const char *sql,
                           GError    **error)
{
  int code = sqlite3_exec (self->db, sql, NULL, NULL, NULL);

  return code == SQLITE_OK ? TRUE : lamp_store_fail (self, code, error);
}

static gboolean
load_marks (LampStore *self,
            GError   **error)
{
  g_autoptr (LampStatement) statement = NULL;
  const char *text;
  int step;

  if (self->pending.marks_loaded)
    return TRUE;

  statement = lamp_store_statement (self, SQL_GET_MARKS, error);
  if (statement == NULL || !lamp_store_step (self, statement, &step, error))
    return FALSE;

  text = (const char *) sqlite3_column_text (statement, 0);
  g_strlcpy (self->pending.ulid, text != NULL ? text : "", sizeof self->pending.ulid);
  self->pending.adopted = sqlite3_column_int64 (statement, 1);
  self->pending.newest = sqlite3_column_int64 (statement, 2);
  self->pending.rewritten = sqlite3_column_int (statement, 3);
  self->pending.marks_loaded = TRUE;

  return TRUE;
}

gboolean
lamp_store_get_last_ulid (LampStore   *self,
                          const char **ulid,
                          GError     **error)
{
  if (!load_marks (self, error))
    return FALSE;

  *ulid = self->pending.ulid;

  return TRUE;
}

void
lamp_store_set_last_ulid (LampStore  *self,
                          const char *ulid)
{
  g_assert (self->pending.marks_loaded);

  g_strlcpy (self->pending.ulid, ulid, sizeof self->pending.ulid);
  self->pending.marks_changed = TRUE;
}

gboolean
lamp_store_get_adopted (LampStore *self,
                        gint64    *adopted,
                        gboolean  *complete,
                        GError   **error)
{
  if (!load_marks (self, error))
    return FALSE;

  *adopted = self->pending.adopted;
  *complete = self->pending.adopted >= self->pending.newest && !self->pending.rewritten;

  return TRUE;
}

void
lamp_store_set_adopted (LampStore *self,
                        gint64     adopted)
{
  g_assert (self->pending.marks_loaded);

  self->pending.adopted = MAX (adopted, self->pending.adopted);
  self->pending.newest = MAX (self->pending.newest, self->pending.adopted);
  self->pending.rewritten = FALSE;
  self->pending.marks_changed = TRUE;
}

static gboolean
read_clock (LampStore  *self,
            const char *node_id,
            gint64     *value,
            GError    **error)
{
  g_autoptr (LampStatement) statement = lamp_store_statement (self, SQL_GET_CLOCK, error);
  int step;

  if (statement == NULL)
    return FALSE;

  sqlite3_bind_text (statement, 1, node_id, -1, SQLITE_STATIC);
  if (!lamp_store_step (self, statement, &step, error))
    return FALSE;

  *value = step == SQLITE_ROW ? sqlite3_column_int64 (statement, 0) : 0;

  return TRUE;
}

static gboolean
write_clock (LampStore  *self,
             const char *node_id,
             gint64      value,
             GError    **error)
{
  g_autoptr (LampStatement) statement = lamp_store_statement (self, SQL_SET_CLOCK, error);

  if (statement == NULL)
    return FALSE;

  sqlite3_bind_text (statement, 1, node_id, -1, SQLITE_STATIC);
  sqlite3_bind_int64 (statement, 2, value);

  return lamp_store_execute (self, statement, error);
}

gboolean
lamp_store_get_clock (LampStore  *self,
                      const char *node_id,
                      gint64     *value,
                      GError    **error)
{
  if (!g_str_equal (node_id, self->node_id))
    return read_clock (self, node_id, value, error);

  if (!self->pending.clock_loaded && !read_clock (self, node_id, &self->pending.clock, error))
    return FALSE;

  self->pending.clock_loaded = TRUE;
  *value = self->pending.clock;

  return TRUE;
}

gboolean
lamp_store_set_clock (LampStore  *self,
                      const char *node_id,
                      gint64      value,
                      GError    **error)
{
  if (!g_str_equal (node_id, self->node_id))
    return write_clock (self, node_id, value, error);

  self->pending.clock = value;
  self->pending.clock_loaded = TRUE;
  self->pending.clock_changed = TRUE;

  return TRUE;
}

static gboolean
write_pending (LampStore *self,
               GError   **error)
{
  if (self->pending.marks_changed)
    {
      g_autoptr (LampStatement) statement = lamp_store_statement (self, SQL_SET_MARKS, error);

      if (statement == NULL)
        return FALSE;

      if (*self->pending.ulid != '\0')
        sqlite3_bind_text (statement, 1, self->pending.ulid, -1, SQLITE_STATIC);
      sqlite3_bind_int64 (statement, 2, self->pending.adopted);
      if (!lamp_store_execute (self, statement, error))
        return FALSE;
    }

  return !self->pending.clock_changed ||
         write_clock (self, self->node_id, self->pending.clock, error);
}

gboolean
lamp_store_begin (LampStore *self,
                  GError   **error)
{
  g_autoptr (LampStatement) statement = lamp_store_statement (self, "BEGIN IMMEDIATE", error);

  memset (&self->pending, 0, sizeof self->pending);

  return statement != NULL && lamp_store_execute (self, statement, error);
}

gboolean
lamp_store_commit (LampStore *self,
                   GError   **error)
{
  g_autoptr (LampStatement) statement = NULL;

  if (!write_pending (self, error))
    return FALSE;

  statement = lamp_store_statement (self, "COMMIT", error);

  return statement != NULL && lamp_store_execute (self, statement, error);
}

void
lamp_store_tell (LampStore  *self,
                 const char *notice)
{
  self->mishaps++;
  g_mutex_lock (&self->lock);
  g_free (self->notice);
  self->notice = g_strdup (notice);
  g_mutex_unlock (&self->lock);
}

static gboolean
read_tally (LampStore *self,
            LampTally *tally,
            GError   **error)
{
  g_autoptr (LampStatement) statement = lamp_store_statement (self, SQL_TALLY, error);
  int step;

  if (statement == NULL)
    return FALSE;

  sqlite3_bind_text (statement, 1, self->node_id, -1, SQLITE_STATIC);
  if (!lamp_store_step (self, statement, &step, error))
    return FALSE;

  tally->pending = (guint64) sqlite3_column_int64 (statement, 0);
  tally->failed = (guint64) sqlite3_column_int64 (statement, 1);
  tally->delivered = (guint64) sqlite3_column_int64 (statement, 2);
  tally->settled = (guint64) sqlite3_column_int64 (statement, 3);
  tally->last_delivery = sqlite3_column_int64 (statement, 4);
  tally->oldest_pending = sqlite3_column_int64 (statement, 5);
  tally->lamport_clock = sqlite3_column_int64 (statement, 6);
  tally->mishaps = self->mishaps;

  return TRUE;
}

/* --- the thread --------------------------------------------------------- */

/* After a failure: whether the same may go well now. A disk's error may have been a passing one,
 * and a damaged file can be replaced. */
static gboolean
try_again (LampStore *self,
           GError   **error)
{
  g_autoptr (GError) local_error = NULL;

  switch (self->last_code)
    {
    case SQLITE_IOERR:
      return TRUE;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      if (lamp_store_file_mend (self, &local_error))
        return TRUE;

      if (local_error != NULL)
        {
          g_clear_error (error);
          g_propagate_error (error, g_steal_pointer (&local_error));
        }
      return FALSE;
    default:
      return FALSE;
    }
}

static void
rollback (LampStore *self)
{
  /* SQLite has rolled back by itself after some errors, a full disk among them. */
  if (self->db != NULL && !sqlite3_get_autocommit (self->db))
    sqlite3_exec (self->db, "ROLLBACK", NULL, NULL, NULL);
}

/* What is written to a file without a name is answered, and gone with the process. */
static gboolean
has_moved (LampStore *self)
{
  int moved = 0;

  return sqlite3_file_control (self->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK &&
         moved != 0;
}

static gboolean
ensure_open (LampStore *self,
             GError   **error)
{
  if (self->db != NULL && has_moved (self))
    {
      const char *notice = _(
       "The queue’s file was removed or replaced while Lamppost ran; events "
       "are kept in the file that has its name now");

      g_message ("%s", notice);
      lamp_store_tell (self, notice);
      lamp_store_set_db (self, NULL);
    }

  if (self->db != NULL)
    return TRUE;

  return self->impatient ? lamp_store_fail (self, SQLITE_BUSY, error)
                         : lamp_store_file_open (self, error);
}

/* All the jobs in one transaction: TRUE if every one of them is on disk, FALSE if nothing is. */
static gboolean
run_once (LampStore *self,
          GList     *requests,
          GError   **error)
{
  gboolean good;

  self->last_code = SQLITE_OK;
  self->began = ensure_open (self, error) && lamp_store_begin (self, error);
  good = self->began;
  for (GList *link = requests; good && link != NULL; link = link->next)
    {
      Request *request = link->data;

      good = request->func (self, request->data, error);
    }

  good = good && lamp_store_commit (self, error);
  if (!good)
    rollback (self);

  return good;
}

static gboolean
run_group (LampStore *self,
           GList     *requests,
           GError   **error)
{
  if (run_once (self, requests, error))
    return TRUE;

  if (!try_again (self, error))
    return FALSE;

  g_clear_error (error);

  return run_once (self, requests, error);
}

static void
fail_all (GList        *requests,
          const GError *error)
{
  for (GList *link = requests; link != NULL; link = link->next)
    ((Request *) link->data)->error = g_error_copy (error);
}

/* A job that fails must not take its neighbours down, so after a failure each gets a transaction
 * of its own. When there is no transaction to be had, though, they have waited for it together,
 * and not each for another 5 seconds. */
static void
run_writes (LampStore *self,
            GList     *requests)
{
  g_autoptr (GError) error = NULL;

  if (requests == NULL || run_group (self, requests, &error))
    return;

  if (!self->began || requests->next == NULL)
    {
      fail_all (requests, error);
      return;
    }

  for (GList *link = requests; link != NULL; link = link->next)
    {
      Request *request = link->data;
      GList single = { .data = request };

      if (!run_group (self, &single, &request->error) && !self->began)
        {
          fail_all (link->next, request->error);
          return;
        }
    }
}

static gboolean
read_once (LampStore *self,
           Request   *request)
{
  self->last_code = SQLITE_OK;
  if (!ensure_open (self, &request->error))
    return FALSE;

  memset (&self->pending, 0, sizeof self->pending);

  return request->func (self, request->data, &request->error);
}

static void
run_reads (LampStore *self,
           GList     *requests)
{
  for (GList *link = requests; link != NULL; link = link->next)
    {
      Request *request = link->data;

      if (read_once (self, request) || !try_again (self, &request->error))
        continue;

      g_clear_error (&request->error);
      read_once (self, request);
    }
}

static gboolean
answer_cb (gpointer user_data)
{
  GTask *task = G_TASK (user_data);
  Request *request = g_task_get_task_data (task);

  if (request->error != NULL)
    g_task_return_error (task, g_steal_pointer (&request->error));
  else
    g_task_return_boolean (task, TRUE);

  return G_SOURCE_REMOVE;
}

/* The task goes to the caller's thread whole: were its last reference dropped on this one, it
 * might take the store with it, whose end waits for this thread. */
static void
answer_async (GTask *task)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_static_name (source, "lamp-store answer");
  g_source_set_callback (source, answer_cb, task, g_object_unref);
  g_source_attach (source, g_task_get_context (task));
}

static void
answer (LampStore       *self,
        GList           *requests,
        const LampTally *tally)
{
  for (GList *link = requests; link != NULL; link = link->next)
    {
      Request *request = link->data;

      request->tally = *tally;
      if (request->task == NULL)
        {
          g_mutex_lock (&self->lock);
          request->done = TRUE;
          g_cond_broadcast (&self->changed);
          g_mutex_unlock (&self->lock);
        }
      else
        {
          answer_async (g_steal_pointer (&request->task));
        }
    }
}

static gboolean
take (LampStore *self,
      GList    **writes,
      GList    **reads)
{
  Request *request;

  g_mutex_lock (&self->lock);
  while (self->waiting.length == 0 && !self->stopping)
    g_cond_wait (&self->changed, &self->lock);

  while ((request = g_queue_pop_tail (&self->waiting)) != NULL)
    {
      GList **list = request->mode == LAMP_STORE_WRITE ? writes : reads;

      *list = g_list_prepend (*list, request);
    }
  g_mutex_unlock (&self->lock);

  return *writes != NULL || *reads != NULL;
}

static gpointer
thread_main (gpointer data)
{
  LampStore *self = data;
  g_autoptr (GList) writes = NULL;
  g_autoptr (GList) reads = NULL;
  LampTally tally = { 0 }; /* the last that could be read */

  while (take (self, &writes, &reads))
    {
      regain_patience (self);
      run_writes (self, writes);
      run_reads (self, reads);
      if (self->db != NULL)
        read_tally (self, &tally, NULL);

      answer (self, writes, &tally);
      answer (self, reads, &tally);
      g_clear_pointer (&writes, g_list_free);
      g_clear_pointer (&reads, g_list_free);
    }

  lamp_store_set_db (self, NULL);

  return NULL;
}

/* --- the object --------------------------------------------------------- */

static void
request_free (Request *request)
{
  if (request->free_data != NULL)
    request->free_data (request->data);
  g_clear_error (&request->error);
  g_free (request);
}

static void
lamp_store_finalize (GObject *object)
{
  LampStore *self = LAMP_STORE (object);

  g_mutex_lock (&self->lock);
  self->stopping = TRUE;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
  g_thread_join (self->thread);

  g_hash_table_unref (self->statements);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->changed);
  g_free (self->path);
  g_free (self->node_id);
  g_free (self->notice);

  G_OBJECT_CLASS (lamp_store_parent_class)->finalize (object);
}

static void
finalize_statement (gpointer data)
{
  sqlite3_finalize (data);
}

static void
lamp_store_class_init (LampStoreClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = lamp_store_finalize;

  /* Nobody asks SQLite how much memory it uses, and to count it takes a lock for each piece. */
  sqlite3_config (SQLITE_CONFIG_MEMSTATUS, 0);
}

static void
lamp_store_init (LampStore *self)
{
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  g_queue_init (&self->waiting);
  self->statements = g_hash_table_new_full (g_direct_hash, g_direct_equal, NULL,
                                            finalize_statement);
}

LampStore *
lamp_store_new (const char *path,
                const char *node_id)
{
  LampStore *self = NULL;

  g_return_val_if_fail (path != NULL, NULL);
  g_return_val_if_fail (node_id != NULL, NULL);

  self = g_object_new (LAMP_TYPE_STORE, NULL);
  self->path = g_strdup (path);
  self->node_id = g_strdup (node_id);
  self->thread = g_thread_new ("lamp-store", thread_main, self);

  return self;
}

const char *
lamp_store_get_path (LampStore *self)
{
  g_return_val_if_fail (LAMP_IS_STORE (self), NULL);

  return self->path;
}

const char *
lamp_store_get_node_id (LampStore *self)
{
  g_return_val_if_fail (LAMP_IS_STORE (self), NULL);

  return self->node_id;
}

char *
lamp_store_dup_notice (LampStore *self)
{
  char *notice;

  g_return_val_if_fail (LAMP_IS_STORE (self), NULL);

  g_mutex_lock (&self->lock);
  notice = g_strdup (self->notice);
  g_mutex_unlock (&self->lock);

  return notice;
}

static void
hand_in (LampStore *self,
         Request   *request)
{
  g_mutex_lock (&self->lock);
  g_queue_push_tail (&self->waiting, request);
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

gboolean
lamp_store_run (LampStore    *self,
                LampStoreMode mode,
                LampStoreFunc func,
                gpointer      data,
                LampTally    *tally,
                GError      **error)
{
  Request request = { .mode = mode, .func = func, .data = data };

  g_return_val_if_fail (LAMP_IS_STORE (self), FALSE);
  g_return_val_if_fail (func != NULL, FALSE);

  hand_in (self, &request);

  g_mutex_lock (&self->lock);
  while (!request.done)
    g_cond_wait (&self->changed, &self->lock);
  g_mutex_unlock (&self->lock);

  if (tally != NULL)
    *tally = request.tally;

  if (request.error != NULL)
    {
      g_propagate_error (error, request.error);
      return FALSE;
    }

  return TRUE;
}

void
lamp_store_run_async (LampStore          *self,
                      LampStoreMode       mode,
                      LampStoreFunc       func,
                      gpointer            data,
                      GDestroyNotify      free_data,
                      GAsyncReadyCallback callback,
                      gpointer            user_data)
{
  Request *request = NULL;

  g_return_if_fail (LAMP_IS_STORE (self));
  g_return_if_fail (func != NULL);

  request = g_new0 (Request, 1);
  request->mode = mode;
  request->func = func;
  request->data = data;
  request->free_data = free_data;
  request->task = g_task_new (self, NULL, callback, user_data);
  g_task_set_source_tag (request->task, lamp_store_run_async);
  g_task_set_task_data (request->task, request, (GDestroyNotify) request_free);

  hand_in (self, request);
}

gboolean
lamp_store_run_finish (LampStore    *self,
                       GAsyncResult *result,
                       gpointer     *data,
                       LampTally    *tally,
                       GError      **error)
{
  Request *request = NULL;

  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  request = g_task_get_task_data (G_TASK (result));
  if (data != NULL)
    *data = request->data;
  if (tally != NULL)
    *tally = request->tally;

  return g_task_propagate_boolean (G_TASK (result), error);
}
