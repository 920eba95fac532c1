/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-store-rows.h"

#include "lamp-event.h"
#include "lamp-json.h"
#include "lamp-store-private.h"

#include <string.h>

#define SQL_COUNT_UNDELIVERED "SELECT pending + failed FROM lamppost_counter"

#define SQL_WALK_FOREIGN                                                                           \
  "SELECT id, data FROM queue WHERE id IN (SELECT id FROM lamppost_rewritten) "                    \
  "UNION ALL SELECT id, data FROM queue WHERE id > ?1"
#define SQL_FORGET_REWRITTEN "DELETE FROM lamppost_rewritten"

#define SQL_INSERT                                                                                 \
  "INSERT INTO queue (event_id, event_type, data, timestamp) VALUES (?1, ?2, ?3, ?4)"

#define SQL_COMPARE                                                                                \
  "SELECT data FROM queue WHERE event_id = ?1 "                                                    \
  "UNION ALL SELECT data FROM lamppost_history WHERE event_id = ?1"

#define SQL_INSERT_IMPORTED                                                                        \
  "INSERT INTO queue (event_id, event_type, data, timestamp, retry_count, coalesce_key) "          \
  "VALUES (?1, ?2, ?3, ?4, ?5, ?6)"

#define SQL_SET_LAST_MISSION                                                                       \
  "UPDATE lamppost_state SET mission = ?1 WHERE status = 2 AND id = last_insert_rowid ()"

/* CROSS JOIN keeps SQLite from walking the wide table first. */
#define SQL_WALK_PENDING                                                                           \
  "SELECT s.id, s.revision, q.event_id, q.data "                                                   \
  "FROM lamppost_state s CROSS JOIN queue q ON q.id = s.id "                                       \
  "WHERE s.status = 2 AND s.id > ?1 AND s.id <= ?2 ORDER BY s.id"

#define SQL_ADD_SERVER "INSERT OR IGNORE INTO lamppost_server (origin) VALUES (?1)"
#define SQL_GET_SERVER "SELECT id FROM lamppost_server WHERE origin = ?1"

#define SQL_MARK_DELIVERED                                                                         \
  "UPDATE lamppost_state SET status = 0, server = ?3, delivered_at = ?4 "                          \
  "WHERE status = 2 AND id = ?1 AND revision = ?2"

#define SQL_GET_LAST_SERVER                                                                        \
  "SELECT s.origin, c.pending, "                                                                   \
  "EXISTS (SELECT 1 FROM lamppost_server a WHERE a.id = c.agreed_server AND a.origin = ?1) "       \
  "FROM lamppost_counter c LEFT JOIN lamppost_server s ON s.id = c.last_server"
#define SQL_SET_AGREED_SERVER                                                                      \
  "UPDATE lamppost_counter SET agreed_server = ?1 WHERE agreed_server IS NOT ?1"

#define SQL_SET_LAST_DELIVERY "UPDATE lamppost_counter SET last_server = ?1, last_delivery = ?2"

#define SQL_MARK_FAILED                                                                            \
  "UPDATE lamppost_state SET status = 1 WHERE status = 2 AND id = ?1 AND revision = ?2"
#define SQL_SET_FAILURE                                                                            \
  "INSERT INTO lamppost_failure (id, code, message, last_retry_at) VALUES (?1, ?2, ?3, ?4) "       \
  "ON CONFLICT (id) DO UPDATE SET code = excluded.code, message = excluded.message, "              \
  "last_retry_at = excluded.last_retry_at"
#define SQL_ADD_RETRIES                                                                            \
  "UPDATE queue SET retry_count = coalesce (retry_count, 0) + ?2 WHERE id = ?1"

#define FAILED_WITH_ID "(SELECT id FROM queue WHERE event_id = ?1)"
#define SQL_RESEND "UPDATE lamppost_state SET status = 2 WHERE status = 1 AND id = " FAILED_WITH_ID
#define SQL_CLEAR_FAILURE                                                                          \
  "UPDATE lamppost_failure SET code = '', message = '' WHERE id = " FAILED_WITH_ID
#define SQL_RESEND_ALL "UPDATE lamppost_state SET status = 2 WHERE status = 1"
#define SQL_CLEAR_FAILURES "UPDATE lamppost_failure SET code = '', message = '' WHERE code <> ''"
#define SQL_DISCARD                                                                                \
  "DELETE FROM queue WHERE event_id = ?1 "                                                         \
  "AND EXISTS (SELECT 1 FROM lamppost_state s WHERE s.status = 1 AND s.id = queue.id)"

/* A list is ordered by the id of the table that is walked: that spares it a sort. */
#define STATE_COLUMNS                                                                              \
  "q.event_id, q.event_type, q.data, s.status, s.queued_at, s.delivered_at, q.retry_count, "       \
  "f.last_retry_at, f.code, f.message, s.mission "
#define HISTORY_COLUMNS                                                                            \
  "SELECT id, event_id, event_type, data, 0, queued_at, delivered_at, retry_count, "               \
  "last_retry_at, '', '', mission FROM lamppost_history "
#define STATE_TABLES                                                                               \
  "FROM lamppost_state s CROSS JOIN queue q ON q.id = s.id "                                       \
  "LEFT JOIN lamppost_failure f ON f.id = s.id "
#define STATUS_FIRST "SELECT s.id, " STATE_COLUMNS STATE_TABLES
#define QUEUE_FIRST                                                                                \
  "SELECT q.id, " STATE_COLUMNS                                                                    \
  "FROM queue q CROSS JOIN lamppost_state s ON s.status IN (0, 1, 2) AND s.id = q.id "             \
  "LEFT JOIN lamppost_failure f ON f.id = s.id "
#define NEWEST_FIRST "ORDER BY 1 DESC LIMIT ?2"

#define SQL_WALK_ALL                                                                               \
  QUEUE_FIRST "WHERE q.id < ?1 UNION ALL " HISTORY_COLUMNS "WHERE id < ?1 " NEWEST_FIRST
#define SQL_WALK_DELIVERED                                                                         \
  STATUS_FIRST "WHERE s.status = 0 AND s.id < ?1 UNION ALL " HISTORY_COLUMNS                       \
               "WHERE id < ?1 " NEWEST_FIRST
#define SQL_WALK_FAILED STATUS_FIRST "WHERE s.status = 1 AND s.id < ?1 " NEWEST_FIRST
#define SQL_WALK_PENDING_ROWS STATUS_FIRST "WHERE s.status = 2 AND s.id < ?1 " NEWEST_FIRST

#define SQL_FIND                                                                                   \
  QUEUE_FIRST "WHERE q.event_id = ?1 UNION ALL " HISTORY_COLUMNS "WHERE event_id = ?1 " NEWEST_FIRST

/* Unused pages that are kept: 4 MiB, so that a queue that fills and empties doesn't shrink and grow
 * all day. */
#define UNUSED_PAGES 1024

#define SQL_COUNT_UNUSED "PRAGMA freelist_count"
#define SQL_COUNT_SETTLED "SELECT settled, history FROM lamppost_counter"
#define OLDEST_SETTLED "(SELECT id FROM lamppost_state WHERE status = 0 ORDER BY id LIMIT ?1)"
#define SQL_DROP_SETTLED "DELETE FROM queue WHERE id IN " OLDEST_SETTLED
#define SQL_FORGET_DOUBLES                                                                         \
  "DELETE FROM lamppost_history "                                                                  \
  "WHERE event_id IN (SELECT event_id FROM queue WHERE id IN " OLDEST_SETTLED ")"
#define SQL_COPY_SETTLED                                                                           \
  "INSERT INTO lamppost_history (id, event_id, event_type, data, retry_count, queued_at, "         \
  "delivered_at, last_retry_at, server, mission) "                                                 \
  "SELECT s.id, q.event_id, q.event_type, q.data, coalesce (q.retry_count, 0), s.queued_at, "      \
  "s.delivered_at, coalesce (f.last_retry_at, 0), s.server, s.mission " STATE_TABLES               \
  "WHERE s.status = 0 ORDER BY s.id LIMIT ?1"
#define SQL_PRUNE_OLD                                                                              \
  "DELETE FROM lamppost_history WHERE id IN (SELECT id FROM lamppost_history "                     \
  "WHERE delivered_at < ?2 ORDER BY delivered_at LIMIT ?1)"
#define SQL_PRUNE_MANY                                                                             \
  "DELETE FROM lamppost_history WHERE id IN (SELECT id FROM lamppost_history "                     \
  "ORDER BY delivered_at, id LIMIT ?1)"

enum
{
  COLUMN_ID,
  COLUMN_EVENT_ID,
  COLUMN_EVENT_TYPE,
  COLUMN_DATA,
  COLUMN_STATUS,
  COLUMN_QUEUED_AT,
  COLUMN_DELIVERED_AT,
  COLUMN_RETRY_COUNT,
  COLUMN_LAST_RETRY_AT,
  COLUMN_CODE,
  COLUMN_MESSAGE,
  COLUMN_MISSION,
};

static const char *
column_text (LampStatement *statement,
             int            column)
{
  const char *text = (const char *) sqlite3_column_text (statement, column);

  return text != NULL ? text : "";
}

/* Runs a statement with one number, @limit, and counts the rows it changed. */
static gboolean
execute_limited (LampStore  *store,
                 const char *sql,
                 guint       limit,
                 guint      *changed,
                 GError    **error)
{
  g_autoptr (LampStatement) statement = lamp_store_statement (store, sql, error);

  if (statement == NULL)
    return FALSE;

  sqlite3_bind_int64 (statement, 1, limit);
  if (!lamp_store_execute (store, statement, error))
    return FALSE;

  if (changed != NULL)
    *changed += (guint) sqlite3_changes (lamp_store_get_db (store));

  return TRUE;
}

/* Runs a statement with at most one text, and counts the rows it changed. */
static gboolean
execute_with_text (LampStore  *store,
                   const char *sql,
                   const char *text,
                   guint      *changed,
                   GError    **error)
{
  g_autoptr (LampStatement) statement = lamp_store_statement (store, sql, error);

  if (statement == NULL)
    return FALSE;

  if (text != NULL)
    sqlite3_bind_text (statement, 1, text, -1, SQLITE_STATIC);
  if (!lamp_store_execute (store, statement, error))
    return FALSE;

  if (changed != NULL)
    *changed += (guint) sqlite3_changes (lamp_store_get_db (store));

  return TRUE;
}

gboolean
lamp_store_count_undelivered (LampStore *store,
                              guint64   *count,
                              GError   **error)
{
  g_autoptr (LampStatement) statement = lamp_store_statement (store, SQL_COUNT_UNDELIVERED, error);
  int step;

  if (statement == NULL || !lamp_store_step (store, statement, &step, error))
    return FALSE;

  *count = (guint64) sqlite3_column_int64 (statement, 0);

  return TRUE;
}

gboolean
lamp_store_walk_foreign (LampStore       *store,
                         gint64           after,
                         LampEnvelopeFunc func,
                         gpointer         user_data,
                         gint64          *last,
                         GError         **error)
{
  g_autoptr (LampStatement) statement = lamp_store_statement (store, SQL_WALK_FOREIGN, error);
  int step;

  if (statement == NULL)
    return FALSE;

  *last = after;
  sqlite3_bind_int64 (statement, 1, after);
  do
    {
      if (!lamp_store_step (store, statement, &step, error))
        return FALSE;

      if (step == SQLITE_ROW)
        {
          *last = MAX (*last, sqlite3_column_int64 (statement, 0));
          func (column_text (statement, 1), (gsize) sqlite3_column_bytes (statement, 1), user_data);
        }
    }
  while (step == SQLITE_ROW);

  return execute_with_text (store, SQL_FORGET_REWRITTEN, NULL, NULL, error);
}

gboolean
lamp_store_insert (LampStore  *store,
                   const char *event_id,
                   const char *event_type,
                   const char *envelope,
                   gsize       length,
                   gint64      now,
                   GError    **error)
{
  g_autoptr (LampStatement) statement = lamp_store_statement (store, SQL_INSERT, error);

  if (statement == NULL)
    return FALSE;

  sqlite3_bind_text (statement, 1, event_id, -1, SQLITE_STATIC);
  sqlite3_bind_text (statement, 2, event_type, -1, SQLITE_STATIC);
  sqlite3_bind_text (statement, 3, envelope, (int) length, SQLITE_STATIC);
  sqlite3_bind_int64 (statement, 4, now);

  return lamp_store_execute (store, statement, error);
}

gint64
lamp_store_get_last_id (LampStore *store)
{
  return sqlite3_last_insert_rowid (lamp_store_get_db (store));
}

gboolean
lamp_store_set_last_mission (LampStore  *store,
                             const char *mission_id,
                             GError    **error)
{
  return execute_with_text (store, SQL_SET_LAST_MISSION, mission_id, NULL, error);
}

gboolean
lamp_store_walk_pending (LampStore      *store,
                         gint64          after,
                         gint64          until,
                         GArray         *skip,
                         LampPendingFunc func,
                         gpointer        user_data,
                         GError        **error)
{
  g_autoptr (LampStatement) statement = lamp_store_statement (store, SQL_WALK_PENDING, error);
  guint skipped = 0;
  int step;

  if (statement == NULL)
    return FALSE;

  sqlite3_bind_int64 (statement, 1, after);
  sqlite3_bind_int64 (statement, 2, until);

  while (lamp_store_step (store, statement, &step, error))
    {
      gint64 id;

      if (step == SQLITE_DONE)
        return TRUE;

      id = sqlite3_column_int64 (statement, 0);
      while (skip != NULL && skipped < skip->len && g_array_index (skip, gint64, skipped) < id)
        skipped++;
      if (skip != NULL && skipped < skip->len && g_array_index (skip, gint64, skipped) == id)
        continue;

      if (!func (id, sqlite3_column_int64 (statement, 1), column_text (statement, 2),
                 column_text (statement, 3), (gsize) sqlite3_column_bytes (statement, 3),
                 user_data))
        return TRUE;
    }

  return FALSE;
}

gboolean
lamp_store_get_server (LampStore  *store,
                       const char *origin,
                       gint64     *server,
                       GError    **error)
{
  g_autoptr (LampStatement) statement = NULL;
  int step;

  if (!execute_with_text (store, SQL_ADD_SERVER, origin, NULL, error))
    return FALSE;

  statement = lamp_store_statement (store, SQL_GET_SERVER, error);
  if (statement == NULL)
    return FALSE;

  sqlite3_bind_text (statement, 1, origin, -1, SQLITE_STATIC);
  if (!lamp_store_step (store, statement, &step, error))
    return FALSE;

  *server = sqlite3_column_int64 (statement, 0);

  return TRUE;
}

gboolean
lamp_store_mark_delivered (LampStore *store,
                           gint64     id,
                           gint64     revision,
                           gint64     server,
                           gint64     now,
                           gboolean  *changed,
                           GError   **error)
{
  g_autoptr (LampStatement) statement = lamp_store_statement (store, SQL_MARK_DELIVERED, error);

  if (statement == NULL)
    return FALSE;

  sqlite3_bind_int64 (statement, 1, id);
  sqlite3_bind_int64 (statement, 2, revision);
  sqlite3_bind_int64 (statement, 3, server);
  sqlite3_bind_int64 (statement, 4, now);
  if (!lamp_store_execute (store, statement, error))
    return FALSE;

  *changed = sqlite3_changes (lamp_store_get_db (store)) > 0;

  return TRUE;
}

gboolean
lamp_store_set_last_delivery (LampStore *store,
                              gint64     server,
                              gint64     now,
                              GError   **error)
{
  g_autoptr (LampStatement) statement = lamp_store_statement (store, SQL_SET_LAST_DELIVERY, error);

  if (statement == NULL)
    return FALSE;

  sqlite3_bind_int64 (statement, 1, server);
  sqlite3_bind_int64 (statement, 2, now);

  return lamp_store_execute (store, statement, error);
}

gboolean
lamp_store_get_last_server (LampStore  *store,
                            const char *origin,
                            char      **last,
                            gboolean   *agreed,
                            gboolean   *pending,
                            GError    **error)
{
  g_autoptr (LampStatement) statement = lamp_store_statement (store, SQL_GET_LAST_SERVER, error);
  int step;

  if (statement == NULL)
    return FALSE;

  sqlite3_bind_text (statement, 1, origin, -1, SQLITE_STATIC);
  if (!lamp_store_step (store, statement, &step, error))
    return FALSE;

  *last = g_strdup ((const char *) sqlite3_column_text (statement, 0));
  *pending = sqlite3_column_int64 (statement, 1) > 0;
  *agreed = sqlite3_column_int (statement, 2) != 0;

  return TRUE;
}

gboolean
lamp_store_set_agreed_server (LampStore *store,
                              gint64     server,
                              GError   **error)
{
  g_autoptr (LampStatement) statement = lamp_store_statement (store, SQL_SET_AGREED_SERVER, error);

  if (statement == NULL)
    return FALSE;

  if (server > 0)
    sqlite3_bind_int64 (statement, 1, server);

  return lamp_store_execute (store, statement, error);
}

static gboolean
set_failure (LampStore  *store,
             gint64      id,
             const char *code,
             const char *message,
             gint64      now,
             GError    **error)
{
  g_autoptr (LampStatement) statement = lamp_store_statement (store, SQL_SET_FAILURE, error);

  if (statement == NULL)
    return FALSE;

  sqlite3_bind_int64 (statement, 1, id);
  sqlite3_bind_text (statement, 2, code, -1, SQLITE_STATIC);
  sqlite3_bind_text (statement, 3, message, -1, SQLITE_STATIC);
  sqlite3_bind_int64 (statement, 4, now);

  return lamp_store_execute (store, statement, error);
}

static gboolean
add_retries (LampStore *store,
             gint64     id,
             guint      retries,
             GError   **error)
{
  g_autoptr (LampStatement) statement = lamp_store_statement (store, SQL_ADD_RETRIES, error);

  if (statement == NULL)
    return FALSE;

  sqlite3_bind_int64 (statement, 1, id);
  sqlite3_bind_int64 (statement, 2, retries);

  return lamp_store_execute (store, statement, error);
}

gboolean
lamp_store_mark_failed (LampStore  *store,
                        gint64      id,
                        gint64      revision,
                        const char *code,
                        const char *message,
                        guint       retries,
                        gint64      now,
                        gboolean   *changed,
                        GError    **error)
{
  g_autoptr (LampStatement) statement = lamp_store_statement (store, SQL_MARK_FAILED, error);

  if (statement == NULL)
    return FALSE;

  sqlite3_bind_int64 (statement, 1, id);
  sqlite3_bind_int64 (statement, 2, revision);
  if (!lamp_store_execute (store, statement, error))
    return FALSE;

  *changed = sqlite3_changes (lamp_store_get_db (store)) > 0;

  return !*changed || (set_failure (store, id, code, message, now, error) &&
                       (retries == 0 || add_retries (store, id, retries, error)));
}

gboolean
lamp_store_compare (LampStore  *store,
                    const char *event_id,
                    const char *envelope,
                    gsize       length,
                    gboolean   *known,
                    gboolean   *same,
                    GError    **error)
{
  g_autoptr (LampStatement) statement = lamp_store_statement (store, SQL_COMPARE, error);
  int step;

  if (statement == NULL)
    return FALSE;

  *known = FALSE;
  *same = FALSE;
  sqlite3_bind_text (statement, 1, event_id, -1, SQLITE_STATIC);

  while (lamp_store_step (store, statement, &step, error))
    {
      const char *text;

      if (step == SQLITE_DONE)
        return TRUE;

      text = column_text (statement, 0);
      *known = TRUE;
      *same = *same || ((gsize) sqlite3_column_bytes (statement, 0) == length &&
                        memcmp (text, envelope, length) == 0);
    }

  return FALSE;
}

static gboolean
insert_imported (LampStore          *store,
                 const LampImported *event,
                 gint64              now,
                 GError            **error)
{
  g_autoptr (LampStatement) statement = lamp_store_statement (store, SQL_INSERT_IMPORTED, error);

  if (statement == NULL)
    return FALSE;

  sqlite3_bind_text (statement, 1, event->event_id, -1, SQLITE_STATIC);
  sqlite3_bind_text (statement, 2, event->event_type, -1, SQLITE_STATIC);
  sqlite3_bind_text (statement, 3, event->envelope, (int) event->length, SQLITE_STATIC);
  sqlite3_bind_int64 (statement, 4, event->timestamp > 0 ? event->timestamp : now);
  sqlite3_bind_int64 (statement, 5, event->retry_count);
  if (event->coalesce_key != NULL)
    sqlite3_bind_text (statement, 6, event->coalesce_key, -1, SQLITE_STATIC);

  return lamp_store_execute (store, statement, error);
}

gboolean
lamp_store_insert_imported (LampStore          *store,
                            const LampImported *event,
                            gint64              now,
                            GError            **error)
{
  gboolean changed;
  gint64 id;

  if (!insert_imported (store, event, now, error))
    return FALSE;

  id = sqlite3_last_insert_rowid (lamp_store_get_db (store));
  if (event->mission_id != NULL && !lamp_store_set_last_mission (store, event->mission_id, error))
    return FALSE;

  if (event->status == LAMP_STATUS_FAILED)
    return lamp_store_mark_failed (store, id, 0, event->code != NULL ? event->code : "",
                                   event->message != NULL ? event->message : "", 0,
                                   event->last_retry_at, &changed, error);

  return event->last_retry_at == 0 || set_failure (store, id, "", "", event->last_retry_at, error);
}

gboolean
lamp_store_resend (LampStore  *store,
                   const char *event_id,
                   guint      *count,
                   GError    **error)
{
  guint before = *count;

  if (event_id == NULL)
    return execute_with_text (store, SQL_RESEND_ALL, NULL, count, error) &&
           execute_with_text (store, SQL_CLEAR_FAILURES, NULL, NULL, error);

  return execute_with_text (store, SQL_RESEND, event_id, count, error) &&
         (*count == before || execute_with_text (store, SQL_CLEAR_FAILURE, event_id, NULL, error));
}

gboolean
lamp_store_discard (LampStore  *store,
                    const char *event_id,
                    guint      *count,
                    GError    **error)
{
  return execute_with_text (store, SQL_DISCARD, event_id, count, error);
}

/* --- rows for lists ----------------------------------------------------- */

static char *
dup_member (const LampJson *envelope,
            const char     *name)
{
  LampJson value;

  if (lamp_json_find (envelope, name, &value) && value.type == LAMP_JSON_STRING)
    return lamp_json_dup_string (&value);

  return g_strdup ("");
}

/* The other tool's rows may hold anything, also no JSON at all, no UTF-8 and zero bytes. */
static void
read_envelope (LampRow       *row,
               LampStatement *statement)
{
  LampJson envelope;
  LampJson clock;
  const char *text = column_text (statement, COLUMN_DATA);
  gsize length = (gsize) sqlite3_column_bytes (statement, COLUMN_DATA);

  if (lamp_json_check (text, length, LAMP_EVENT_MAX_DEPTH, &envelope, NULL) &&
      envelope.type == LAMP_JSON_OBJECT)
    {
      row->envelope = g_strndup (text, length);
      row->aggregate_id = dup_member (&envelope, "aggregate_id");
      row->timestamp = dup_member (&envelope, "timestamp");
      if (row->mission_id == NULL)
        row->mission_id = lamp_event_dup_mission_of (&envelope);
      if (!lamp_json_find (&envelope, "lamport_clock", &clock) ||
          !lamp_json_get_int (&clock, &row->lamport_clock))
        row->lamport_clock = 0;
      return;
    }

  row->envelope = g_utf8_make_valid (text, (gssize) length);
  row->aggregate_id = g_strdup ("");
  row->timestamp = g_strdup ("");
  if (row->mission_id == NULL)
    row->mission_id = g_strdup ("");
}

static LampRow *
read_row (LampStatement *statement)
{
  LampRow *row = g_new0 (LampRow, 1);

  row->id = sqlite3_column_int64 (statement, COLUMN_ID);
  row->event_id = g_utf8_make_valid (column_text (statement, COLUMN_EVENT_ID), -1);
  row->event_type = g_utf8_make_valid (column_text (statement, COLUMN_EVENT_TYPE), -1);
  row->status = (LampStatus) sqlite3_column_int (statement, COLUMN_STATUS);
  row->queued_at = sqlite3_column_int64 (statement, COLUMN_QUEUED_AT);
  row->delivered_at = sqlite3_column_int64 (statement, COLUMN_DELIVERED_AT);
  row->retry_count = (guint) sqlite3_column_int (statement, COLUMN_RETRY_COUNT);
  row->last_retry_at = sqlite3_column_int64 (statement, COLUMN_LAST_RETRY_AT);
  row->error_code = g_strdup (column_text (statement, COLUMN_CODE));
  row->error_message = g_strdup (column_text (statement, COLUMN_MESSAGE));
  row->mission_id = g_strdup ((const char *) sqlite3_column_text (statement, COLUMN_MISSION));
  read_envelope (row, statement);

  return row;
}

static char *
pattern_for_text (const char *text)
{
  g_autoptr (GString) pattern = NULL;

  if (text == NULL)
    return NULL;

  pattern = g_string_new ("%");
  for (; *text != '\0'; text++)
    {
      if (strchr ("%_\\", *text) != NULL)
        g_string_append_c (pattern, '\\');
      g_string_append_c (pattern, *text);
    }
  g_string_append_c (pattern, '%');

  return g_string_free (g_steal_pointer (&pattern), FALSE);
}

/* What can be told from the columns, before the envelope is read. */
static gboolean
columns_match (const LampFilter *filter,
               const char       *pattern,
               LampStatement    *statement)
{
  if (filter->event_type != NULL &&
      !g_str_equal (filter->event_type, column_text (statement, COLUMN_EVENT_TYPE)))
    return FALSE;

  return pattern == NULL ||
         sqlite3_strlike (pattern, column_text (statement, COLUMN_DATA), '\\') == 0;
}

gboolean
lamp_store_walk_rows (LampStore        *store,
                      const LampFilter *filter,
                      gint64            before,
                      guint             limit,
                      LampRowFunc       func,
                      gpointer          user_data,
                      gint64           *last,
                      GError          **error)
{
  static const char *const by_status[] = {
    [LAMP_STATUS_DELIVERED] = SQL_WALK_DELIVERED,
    [LAMP_STATUS_FAILED] = SQL_WALK_FAILED,
    [LAMP_STATUS_PENDING] = SQL_WALK_PENDING_ROWS,
  };
  const char *sql = filter->all ? SQL_WALK_ALL : by_status[filter->status];
  g_autoptr (LampStatement) statement = lamp_store_statement (store, sql, error);
  g_autofree char *pattern = pattern_for_text (filter->text);
  gint64 id = 0;
  guint seen = 0;
  int step;

  if (statement == NULL)
    return FALSE;

  sqlite3_bind_int64 (statement, 1, before);
  sqlite3_bind_int64 (statement, 2, limit);

  while (lamp_store_step (store, statement, &step, error))
    {
      g_autoptr (LampRow) row = NULL;

      if (step == SQLITE_DONE)
        {
          *last = seen < limit ? 0 : id;
          return TRUE;
        }

      seen++;
      id = sqlite3_column_int64 (statement, COLUMN_ID);
      if (!columns_match (filter, pattern, statement))
        continue;

      row = read_row (statement);
      if (filter->mission_id != NULL && !g_str_equal (filter->mission_id, row->mission_id))
        continue;

      if (!func (g_steal_pointer (&row), user_data))
        return TRUE;
    }

  return FALSE;
}

gboolean
lamp_store_find (LampStore  *store,
                 const char *event_id,
                 LampRow   **row,
                 GError    **error)
{
  g_autoptr (LampStatement) statement = lamp_store_statement (store, SQL_FIND, error);
  int step;

  if (statement == NULL)
    return FALSE;

  sqlite3_bind_text (statement, 1, event_id, -1, SQLITE_STATIC);
  sqlite3_bind_int64 (statement, 2, 1);
  if (!lamp_store_step (store, statement, &step, error))
    return FALSE;

  *row = step == SQLITE_ROW ? read_row (statement) : NULL;

  return TRUE;
}

/* --- history ------------------------------------------------------------ */

static gboolean
count_settled (LampStore *store,
               guint64   *settled,
               guint64   *history,
               GError   **error)
{
  g_autoptr (LampStatement) statement = lamp_store_statement (store, SQL_COUNT_SETTLED, error);
  int step;

  if (statement == NULL || !lamp_store_step (store, statement, &step, error))
    return FALSE;

  *settled = (guint64) sqlite3_column_int64 (statement, 0);
  *history = (guint64) sqlite3_column_int64 (statement, 1);

  return TRUE;
}

gboolean
lamp_store_move_settled (LampStore *store,
                         guint      limit,
                         guint      history_events,
                         guint     *moved,
                         GError   **error)
{
  guint64 settled;
  guint64 history;

  *moved = 0;
  if (!count_settled (store, &settled, &history, error))
    return FALSE;

  if (settled > history_events)
    return execute_limited (store, SQL_DROP_SETTLED, (guint) MIN (settled - history_events, limit),
                            moved, error);

  return settled == 0 || (execute_limited (store, SQL_FORGET_DOUBLES, limit, NULL, error) &&
                          execute_limited (store, SQL_COPY_SETTLED, limit, NULL, error) &&
                          execute_limited (store, SQL_DROP_SETTLED, limit, moved, error));
}

gboolean
lamp_store_prune_history (LampStore *store,
                          guint      limit,
                          gint64     oldest,
                          guint      history_events,
                          guint     *pruned,
                          GError   **error)
{
  g_autoptr (LampStatement) statement = lamp_store_statement (store, SQL_PRUNE_OLD, error);
  guint64 settled;
  guint64 history;

  *pruned = 0;
  if (statement == NULL)
    return FALSE;

  sqlite3_bind_int64 (statement, 1, limit);
  sqlite3_bind_int64 (statement, 2, oldest);
  if (!lamp_store_execute (store, statement, error))
    return FALSE;

  *pruned = (guint) sqlite3_changes (lamp_store_get_db (store));
  if (!count_settled (store, &settled, &history, error))
    return FALSE;

  return history <= history_events ||
         execute_limited (store, SQL_PRUNE_MANY, (guint) MIN (history - history_events, limit),
                          pruned, error);
}

static gboolean
count_unused (LampStore *store,
              guint     *pages,
              GError   **error)
{
  g_autoptr (LampStatement) statement = lamp_store_statement (store, SQL_COUNT_UNUSED, error);
  int step;

  if (statement == NULL || !lamp_store_step (store, statement, &step, error))
    return FALSE;

  *pages = (guint) sqlite3_column_int64 (statement, 0);

  return TRUE;
}

gboolean
lamp_store_vacuum (LampStore *store,
                   guint      limit,
                   guint     *freed,
                   GError   **error)
{
  g_autofree char *script = NULL;
  guint before;
  guint after;

  *freed = 0;
  if (!count_unused (store, &before, error))
    return FALSE;

  if (before <= UNUSED_PAGES)
    return TRUE;

  script = g_strdup_printf ("PRAGMA incremental_vacuum (%u)", MIN (before - UNUSED_PAGES, limit));
  if (!lamp_store_execute_script (store, script, error) || !count_unused (store, &after, error))
    return FALSE;

  *freed = before - MIN (after, before);

  return TRUE;
}
