/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-store-trend.h"

#include "lamp-store-private.h"
#include "lamp-trend.h"

#define SQL_READ                                                                                   \
  "SELECT minute, pending, delivered, failed FROM lamppost_trend WHERE minute >= ?1 "              \
  "ORDER BY minute"

#define SQL_WRITE                                                                                  \
  "INSERT OR REPLACE INTO lamppost_trend (minute, pending, delivered, failed) "                    \
  "VALUES (?1, ?2, ?3, ?4)"

#define SQL_FORGET "DELETE FROM lamppost_trend WHERE minute < ?1"

gboolean
lamp_store_read_trend (LampStore *store,
                       gint64     since,
                       GArray    *points,
                       GError   **error)
{
  g_autoptr (LampStatement) statement = lamp_store_statement (store, SQL_READ, error);
  int step;

  if (statement == NULL)
    return FALSE;

  sqlite3_bind_int64 (statement, 1, since / LAMP_TREND_MINUTE);
  while (lamp_store_step (store, statement, &step, error))
    {
      LampTrendPoint point;

      if (step == SQLITE_DONE)
        return TRUE;

      point.time = sqlite3_column_int64 (statement, 0) * LAMP_TREND_MINUTE;
      point.pending = (guint32) sqlite3_column_int64 (statement, 1);
      point.delivered = (guint32) sqlite3_column_int64 (statement, 2);
      point.failed = (guint32) sqlite3_column_int64 (statement, 3);
      g_array_append_val (points, point);
    }

  return FALSE;
}

static gboolean
write_point (LampStore            *store,
             const LampTrendPoint *point,
             GError              **error)
{
  g_autoptr (LampStatement) statement = lamp_store_statement (store, SQL_WRITE, error);

  if (statement == NULL)
    return FALSE;

  sqlite3_bind_int64 (statement, 1, point->time / LAMP_TREND_MINUTE);
  sqlite3_bind_int64 (statement, 2, point->pending);
  sqlite3_bind_int64 (statement, 3, point->delivered);
  sqlite3_bind_int64 (statement, 4, point->failed);

  return lamp_store_execute (store, statement, error);
}

gboolean
lamp_store_write_trend (LampStore *store,
                        GArray    *points,
                        gint64     oldest,
                        GError   **error)
{
  g_autoptr (LampStatement) forget = NULL;

  for (guint i = 0; i < points->len; i++)
    if (!write_point (store, &g_array_index (points, LampTrendPoint, i), error))
      return FALSE;

  forget = lamp_store_statement (store, SQL_FORGET, error);
  if (forget == NULL)
    return FALSE;

  sqlite3_bind_int64 (forget, 1, oldest / LAMP_TREND_MINUTE);

  return lamp_store_execute (store, forget, error);
}
