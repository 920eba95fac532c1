/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-status-text.h"

#include <glib/gi18n.h>
#include <inttypes.h>

#define SECOND G_TIME_SPAN_SECOND
#define MINUTE G_TIME_SPAN_MINUTE
#define HOUR G_TIME_SPAN_HOUR
#define DAY G_TIME_SPAN_DAY

/* A label beside an icon has room for three characters. */
#define COUNT_MAX 99

/* The same at the beginning of a line, behind the program's name and at the end of a line. */
static const struct
{
  const char *summary;
  const char *title;
  const char *end;
  const char *icon; /* NULL where a person must do something */
} states[LAMP_N_STATES] = {
  [LAMP_STATE_UNCONFIGURED] = {
    /* TRANSLATORS: as in “No server is set, 12 waiting” */
    N_("No server is set"),
    N_("Lamppost: no server is set"),
    /* TRANSLATORS: as in “12 waiting, no server is set” */
    N_("no server is set"),
    "offline",
  },
  [LAMP_STATE_PAUSED] = {
    /* TRANSLATORS: as in “Paused, 12 waiting” */
    N_("Paused"),
    N_("Lamppost: paused"),
    /* TRANSLATORS: as in “12 waiting, paused” */
    N_("paused"),
    "paused",
  },
  [LAMP_STATE_UNAUTHORIZED] = {
    /* TRANSLATORS: as in “Sign-in needed, 12 waiting” */
    N_("Sign-in needed"),
    N_("Lamppost: sign-in needed"),
    /* TRANSLATORS: as in “12 waiting, sign-in needed” */
    N_("sign-in needed"),
    "attention",
  },
  [LAMP_STATE_MISCONFIGURED] = {
    /* TRANSLATORS: as in “The server doesn’t take events, 12 waiting” */
    N_("The server doesn’t take events"),
    N_("Lamppost: the server doesn’t take events"),
    /* TRANSLATORS: as in “12 waiting, the server doesn’t take events” */
    N_("the server doesn’t take events"),
    NULL,
  },
  [LAMP_STATE_THROTTLED] = {
    /* TRANSLATORS: as in “The server asks to wait, 12 waiting” */
    N_("The server asks to wait"),
    N_("Lamppost: the server asks to wait"),
    /* TRANSLATORS: as in “12 waiting, the server asks to wait” */
    N_("the server asks to wait"),
    "offline",
  },
  [LAMP_STATE_REPLAYING] = {
    /* TRANSLATORS: as in “Sending, 12 waiting” */
    N_("Sending"),
    N_("Lamppost: sending"),
    /* TRANSLATORS: as in “12 waiting, sending” */
    N_("sending"),
    "sending",
  },
  [LAMP_STATE_OFFLINE] = {
    /* TRANSLATORS: as in “Offline, 12 waiting” */
    N_("Offline"),
    N_("Lamppost: offline"),
    /* TRANSLATORS: as in “12 waiting, offline” */
    N_("offline"),
    "offline",
  },
  [LAMP_STATE_WAITING] = {
    /* TRANSLATORS: as in “Online, 12 waiting” */
    N_("Online"),
    /* TRANSLATORS: the server answers, and Lamppost waits a while before its next try */
    N_("Lamppost: waiting"),
    /* TRANSLATORS: as in “12 waiting, online” */
    N_("online"),
    "offline",
  },
  [LAMP_STATE_IDLE] = {
    /* TRANSLATORS: as in “Online, 12 waiting” */
    N_("Online"),
    N_("Lamppost: online"),
    /* TRANSLATORS: as in “12 waiting, online” */
    N_("online"),
    "online",
  },
};

/* Set, and of no use. */
static gboolean
is_address_refused (const LampSnapshot *snapshot)
{
  return snapshot->state == LAMP_STATE_UNCONFIGURED && snapshot->server_url != NULL &&
         *snapshot->server_url != '\0';
}

static const char *
get_summary (const LampSnapshot *snapshot)
{
  return is_address_refused (snapshot) ? _("The server’s address can’t be used")
                                       : _(states[snapshot->state].summary);
}

static const char *
get_title (const LampSnapshot *snapshot)
{
  return is_address_refused (snapshot) ? _("Lamppost: the server’s address can’t be used")
                                       : _(states[snapshot->state].title);
}

static const char *
get_end (const LampSnapshot *snapshot)
{
  return is_address_refused (snapshot) ? _("the server’s address can’t be used")
                                       : _(states[snapshot->state].end);
}

char *
lamp_status_text_dup_duration (gint64 duration)
{
  if (duration < MINUTE)
    /* TRANSLATORS: seconds, as in “next try in 5 s” */
    return g_strdup_printf (_("%d s"), (int) (duration / SECOND));

  if (duration < HOUR)
    /* TRANSLATORS: minutes, as in “next try in 5 min” */
    return g_strdup_printf (_("%d min"), (int) (duration / MINUTE));

  if (duration < 2 * DAY)
    /* TRANSLATORS: hours, as in “the oldest for 5 h” */
    return g_strdup_printf (_("%d h"), (int) (duration / HOUR));

  /* TRANSLATORS: as in “the oldest for 3 days” and “next try in 3 days” */
  return g_strdup_printf (ngettext ("%d day", "%d days", duration / DAY), (int) (duration / DAY));
}

char *
lamp_status_text_dup_count (guint64 count)
{
  if (count == 0)
    return g_strdup ("");

  if (count > COUNT_MAX)
    /* TRANSLATORS: more than that, where there is little room */
    return g_strdup_printf (_("%d+"), COUNT_MAX);

  return g_strdup_printf ("%" PRIu64, count);
}

/* --- parts of a line ---------------------------------------------------- */

static void
append (GString    *line,
        const char *part)
{
  if (line->len > 0)
    /* TRANSLATORS: between the parts of “Offline, 12 waiting, 2 failed” */
    g_string_append (line, _(", "));
  g_string_append (line, part);
}

static void
append_waiting (GString *line,
                guint64  pending)
{
  g_autofree char *part = NULL;

  if (pending == 0)
    return;

  /* TRANSLATORS: events that wait, as in “Offline, 12 waiting, 2 failed” */
  part = g_strdup_printf (ngettext ("%" PRIu64 " waiting", "%" PRIu64 " waiting", pending),
                          pending);
  append (line, part);
}

static void
append_failed (GString *line,
               guint64  failed)
{
  g_autofree char *part = NULL;

  if (failed == 0)
    return;

  /* TRANSLATORS: events that have failed, as in “Offline, 12 waiting, 2 failed” */
  part = g_strdup_printf (ngettext ("%" PRIu64 " failed", "%" PRIu64 " failed", failed), failed);
  append (line, part);
}

static void
append_oldest (GString            *line,
               const LampSnapshot *snapshot,
               gint64              now)
{
  g_autofree char *duration = NULL;
  g_autofree char *part = NULL;

  if (!snapshot->stalled || snapshot->tally.oldest_pending == 0)
    return;

  duration = lamp_status_text_dup_duration (MAX (now - snapshot->tally.oldest_pending, 0));
  /* TRANSLATORS: of events that wait, as in “Offline, 12 waiting, the oldest for 2 days” */
  part = g_strdup_printf (_("the oldest for %s"), duration);
  append (line, part);
}

static void
append_progress (GString            *line,
                 const LampSnapshot *snapshot)
{
  g_autofree char *part = NULL;

  if (snapshot->replay_total == 0)
    return;

  part = g_strdup_printf (_("%" PRIu64 " of %" PRIu64), snapshot->replay_done,
                          snapshot->replay_total);
  append (line, part);
}

static void
append_next_retry (GString            *line,
                   const LampSnapshot *snapshot,
                   gint64              now)
{
  g_autofree char *duration = NULL;
  g_autofree char *part = NULL;

  if (snapshot->next_retry <= now)
    return;

  duration = lamp_status_text_dup_duration (snapshot->next_retry - now);
  /* TRANSLATORS: the placeholder is a duration like “40 s” */
  part = g_strdup_printf (_("next try in %s"), duration);
  append (line, part);
}

/* --- lines -------------------------------------------------------------- */

char *
lamp_status_text_dup_counts (const LampTally *tally)
{
  GString *line = g_string_new (NULL);

  append_waiting (line, tally->pending);
  append_failed (line, tally->failed);

  return g_string_free (line, FALSE);
}

char *
lamp_status_text_dup_summary (const LampSnapshot *snapshot,
                              gint64              now)
{
  const LampTally *tally = &snapshot->tally;
  GString *line = g_string_new (get_summary (snapshot));

  append_waiting (line, tally->pending);
  append_oldest (line, snapshot, now);
  append_failed (line, tally->failed);
  if (snapshot->state == LAMP_STATE_IDLE && tally->pending == 0 && tally->failed == 0)
    /* TRANSLATORS: “Online, everything is delivered” */
    append (line, _("everything is delivered"));

  append_progress (line, snapshot);
  append_next_retry (line, snapshot, now);

  return g_string_free (line, FALSE);
}

char *
lamp_status_text_dup_title (const LampSnapshot *snapshot)
{
  GString *line = g_string_new (get_title (snapshot));

  /* What the icon asks for attention for, where the state doesn't say so already. */
  append_failed (line, snapshot->tally.failed);
  if (snapshot->stalled && snapshot->tally.failed == 0)
    /* TRANSLATORS: “Lamppost: offline, events have waited too long” */
    append (line, _("events have waited too long"));

  return g_string_free (line, FALSE);
}

char *
lamp_status_text_dup_accessible (const LampSnapshot *snapshot)
{
  GString *line = g_string_new (get_title (snapshot));

  append_waiting (line, snapshot->tally.pending);
  append_failed (line, snapshot->tally.failed);

  return g_string_free (line, FALSE);
}

char *
lamp_status_text_dup_background (const LampSnapshot *snapshot)
{
  GString *line = g_string_new (NULL);

  append_waiting (line, snapshot->tally.pending);
  append_failed (line, snapshot->tally.failed);
  append (line, get_end (snapshot));

  return g_string_free (line, FALSE);
}

/* --- the details -------------------------------------------------------- */

/* The day is left out if it is today's. */
static char *
dup_moment (gint64      time,
            gint64      now,
            const char *time_format)
{
  g_autoptr (GDateTime) moment = g_date_time_new_from_unix_local (time / SECOND);
  g_autoptr (GDateTime) today = g_date_time_new_from_unix_local (now / SECOND);
  g_autofree char *format = NULL;

  if (moment == NULL || today == NULL)
    return g_strdup ("?");

  if (g_date_time_get_year (moment) == g_date_time_get_year (today) &&
      g_date_time_get_day_of_year (moment) == g_date_time_get_day_of_year (today))
    return g_date_time_format (moment, time_format);

  format = g_strconcat ("%Y-%m-%d ", time_format, NULL);

  return g_date_time_format (moment, format);
}

static char *
dup_depth (const LampTally *tally)
{
  char *counts = lamp_status_text_dup_counts (tally);

  if (*counts != '\0')
    return counts;

  g_free (counts);

  return g_strdup (_("Nothing waits"));
}

static char *
dup_last_delivery (gint64 last_delivery,
                   gint64 now)
{
  g_autofree char *moment = NULL;

  if (last_delivery == 0)
    return g_strdup (_("Nothing was delivered yet"));

  moment = dup_moment (last_delivery, now, "%H:%M");

  /* TRANSLATORS: the placeholder is a time */
  return g_strdup_printf (_("Last delivery: %s"), moment);
}

char *
lamp_status_text_dup_details (const LampSnapshot *snapshot,
                              gint64              now)
{
  g_autofree char *depth = dup_depth (&snapshot->tally);
  g_autofree char *delivery = dup_last_delivery (snapshot->tally.last_delivery, now);
  GString *details = g_string_new (NULL);

  g_string_append_printf (details, "%s\n%s", depth, delivery);

  if (snapshot->next_retry > now)
    {
      /* It may be seconds away. */
      g_autofree char *moment = dup_moment (snapshot->next_retry, now, "%H:%M:%S");

      g_string_append_c (details, '\n');
      g_string_append_printf (details, _("Next try: %s"), moment);
    }

  return g_string_free (details, FALSE);
}

/* --- the icon ----------------------------------------------------------- */

const char *
lamp_status_text_get_icon (const LampSnapshot *snapshot)
{
  if (lamp_snapshot_needs_attention (snapshot))
    return "attention";

  return states[snapshot->state].icon;
}
