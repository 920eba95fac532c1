/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-words.h"

#include "lamp-status-text.h"

#include <glib/gi18n.h>
#include <inttypes.h>

#define THOUSAND 1000
#define MILLION (1000 * 1000)

/* Up to four digits fit beside a page's title. */
#define COUNT_PLAIN_MAX (10 * THOUSAND)

/* The first sentence of each state; a full stop is part of it. */
static const char *const states[LAMP_N_STATES] = {
  [LAMP_STATE_UNCONFIGURED] = N_("No server is set."),
  [LAMP_STATE_PAUSED] = N_("Replay is paused."),
  [LAMP_STATE_UNAUTHORIZED] = N_("Signing in is needed."),
  [LAMP_STATE_MISCONFIGURED] = N_("The server doesn’t take events."),
  [LAMP_STATE_THROTTLED] = N_("The server asks to wait."),
  [LAMP_STATE_REPLAYING] = N_("Sending."),
  [LAMP_STATE_OFFLINE] = N_("Offline."),
  [LAMP_STATE_WAITING] = N_("Online."),
  [LAMP_STATE_IDLE] = N_("Online."),
};

char *
lamp_words_dup_title (const LampSnapshot *snapshot)
{
  const LampTally *tally = &snapshot->tally;

  if (tally->pending > 0)
    return g_strdup_printf (ngettext ("%" PRIu64 " event is waiting",
                                      "%" PRIu64 " events are waiting", tally->pending),
                            tally->pending);

  if (tally->failed > 0)
    return g_strdup_printf (ngettext ("%" PRIu64 " event has failed",
                                      "%" PRIu64 " events have failed", tally->failed),
                            tally->failed);

  if (tally->last_delivery == 0 && tally->delivered == 0)
    return g_strdup (_("Nothing to deliver yet"));

  return g_strdup (_("Everything is delivered"));
}

static void
append_sentence (GString    *body,
                 const char *sentence)
{
  if (body->len > 0)
    /* TRANSLATORS: between two sentences; a zero width space (U+200B) where none is wanted */
    g_string_append (body, C_("sentences", " "));
  g_string_append (body, sentence);
}

static void
append_waiting (GString            *body,
                const LampSnapshot *snapshot,
                gint64              now)
{
  g_autofree char *duration = NULL;
  g_autofree char *sentence = NULL;

  if (snapshot->tally.pending == 0 || snapshot->state == LAMP_STATE_REPLAYING)
    return;

  if (!snapshot->stalled || snapshot->tally.oldest_pending == 0)
    {
      append_sentence (body, _("What waits is safe here."));
      return;
    }

  duration = lamp_status_text_dup_duration (MAX (now - snapshot->tally.oldest_pending, 0));
  /* TRANSLATORS: the placeholder is a duration like “2 days” */
  sentence = g_strdup_printf (_("What waits is safe here, the oldest event for %s."), duration);
  append_sentence (body, sentence);
}

static void
append_failed (GString         *body,
               const LampTally *tally)
{
  g_autofree char *sentence = NULL;

  /* Without anything pending the title says so. */
  if (tally->failed == 0 || tally->pending == 0)
    return;

  sentence = g_strdup_printf (ngettext ("%" PRIu64 " event has failed.",
                                        "%" PRIu64 " events have failed.", tally->failed),
                              tally->failed);
  append_sentence (body, sentence);
}

static void
append_next_retry (GString            *body,
                   const LampSnapshot *snapshot,
                   gint64              now)
{
  g_autofree char *duration = NULL;
  g_autofree char *sentence = NULL;

  if (snapshot->next_retry <= now || snapshot->tally.pending == 0)
    return;

  /* The last second is one, too. */
  duration = lamp_status_text_dup_duration (snapshot->next_retry - now + G_TIME_SPAN_SECOND - 1);
  /* TRANSLATORS: the placeholder is a duration like “40 s” */
  sentence = g_strdup_printf (_("Next try in %s."), duration);
  append_sentence (body, sentence);
}

static void
append_last_delivery (GString            *body,
                      const LampSnapshot *snapshot,
                      gint64              now)
{
  g_autofree char *moment = NULL;
  g_autofree char *sentence = NULL;

  if (snapshot->tally.last_delivery == 0 || snapshot->tally.pending > 0)
    return;

  moment = lamp_words_dup_moment (snapshot->tally.last_delivery, now);
  /* TRANSLATORS: the placeholder is a time like “14:02” or “3 May 14:02” */
  sentence = g_strdup_printf (_("Last delivery: %s."), moment);
  append_sentence (body, sentence);
}

static char *
dup_state (const LampSnapshot *snapshot,
           gint64              now)
{
  g_autofree char *moment = NULL;

  if (snapshot->state != LAMP_STATE_OFFLINE || snapshot->offline_since == 0)
    return g_strdup (_(states[snapshot->state]));

  moment = lamp_words_dup_moment (snapshot->offline_since, now);

  /* TRANSLATORS: the placeholder is a time like “14:02” or “3 May 14:02” */
  return g_strdup_printf (_("Offline since %s."), moment);
}

char *
lamp_words_dup_body (const LampSnapshot *snapshot,
                     gint64              now)
{
  g_autofree char *state = dup_state (snapshot, now);
  GString *body = g_string_new (state);

  append_waiting (body, snapshot, now);
  append_failed (body, &snapshot->tally);
  append_next_retry (body, snapshot, now);
  append_last_delivery (body, snapshot, now);

  return g_string_free (body, FALSE);
}

char *
lamp_words_dup_moment (gint64 time,
                       gint64 now)
{
  g_autoptr (GDateTime) moment = g_date_time_new_from_unix_local (time / G_USEC_PER_SEC);
  g_autoptr (GDateTime) today = g_date_time_new_from_unix_local (now / G_USEC_PER_SEC);

  if (time == 0 || moment == NULL || today == NULL)
    return g_strdup ("");

  if (g_date_time_get_year (moment) != g_date_time_get_year (today))
    /* TRANSLATORS: a day of another year, as for strftime() */
    return g_date_time_format (moment, _("%-d %b %Y"));

  if (g_date_time_get_day_of_year (moment) != g_date_time_get_day_of_year (today))
    /* TRANSLATORS: a moment of this year, as for strftime() */
    return g_date_time_format (moment, _("%-d %b %H:%M"));

  /* TRANSLATORS: a moment of today, as for strftime() */
  return g_date_time_format (moment, _("%H:%M"));
}

char *
lamp_words_dup_full_moment (gint64 time)
{
  g_autoptr (GDateTime) moment = g_date_time_new_from_unix_local (time / G_USEC_PER_SEC);

  if (time == 0 || moment == NULL)
    return g_strdup ("");

  return g_date_time_format (moment, "%x %X");
}

char *
lamp_words_dup_count (guint64 count)
{
  if (count < COUNT_PLAIN_MAX)
    return g_strdup_printf ("%" PRIu64, count);

  if (count < MILLION)
    /* TRANSLATORS: thousands, where there is little room */
    return g_strdup_printf (_("%uk"), (guint) (count / THOUSAND));

  /* TRANSLATORS: millions, where there is little room */
  return g_strdup_printf (_("%.1fM"), (double) (count / (MILLION / 10)) / 10);
}
