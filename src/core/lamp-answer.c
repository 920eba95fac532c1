/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-answer.h"

#include "lamp-json.h"

#include <glib/gi18n-lib.h>
#include <string.h>

/* Section 6 of the specification: a throttled client waits as long as the server says,
 * within these, and this long if it doesn't say. */
#define RETRY_AFTER_MIN (1 * G_USEC_PER_SEC)
#define RETRY_AFTER_MAX (3600 * (gint64) G_USEC_PER_SEC)
#define RETRY_AFTER_DEFAULT (6 * G_USEC_PER_SEC)

/* A server's words are kept with each event and shown to a person; nobody reads more. */
#define WORDS_MAX_CHARACTERS 1000

#define DEFAULT_CODE "rejected"

#define STATUS_OK 200
#define STATUS_SERVICE_UNAVAILABLE 503

/* The last entry that holds wins; whatever is in no entry is the server's fault. */
static const struct
{
  guint first;
  guint last;
  LampOutcomeKind kind;
} kinds[] = {
  { 200, 200, LAMP_OUTCOME_ANSWERED },      { 207, 207, LAMP_OUTCOME_ANSWERED },
  { 300, 499, LAMP_OUTCOME_MISCONFIGURED }, { 400, 400, LAMP_OUTCOME_REFUSED },
  { 401, 401, LAMP_OUTCOME_UNAUTHORIZED },  { 403, 403, LAMP_OUTCOME_UNAUTHORIZED },
  { 408, 408, LAMP_OUTCOME_SERVER_ERROR },  { 413, 413, LAMP_OUTCOME_TOO_LARGE },
  { 422, 422, LAMP_OUTCOME_REFUSED },       { 425, 425, LAMP_OUTCOME_SERVER_ERROR },
  { 429, 429, LAMP_OUTCOME_THROTTLED },
};

/* What to say where the server gave no words of its own. */
static const char *const hints[] = {
  /* TRANSLATORS: “https://example.org answered 500: the server has a problem” and the like */
  [LAMP_OUTCOME_ANSWERED] = N_("all is well"),
  [LAMP_OUTCOME_SERVER_ERROR] = N_("the server has a problem"),
  [LAMP_OUTCOME_REFUSED] = N_("the server refused the events"),
  [LAMP_OUTCOME_UNAUTHORIZED] = N_("signing in is needed"),
  [LAMP_OUTCOME_TOO_LARGE] = N_("too much was sent at once"),
  [LAMP_OUTCOME_THROTTLED] = N_("the server asks to wait"),
  [LAMP_OUTCOME_MISCONFIGURED] = N_("events are not taken there, check the server’s address"),
};

/* Statuses for which more can be said. The first entry that holds wins. */
static const struct
{
  guint first;
  guint last;
  const char *hint;
} status_hints[] = {
  /* TRANSLATORS: “https://example.org answered 412: the server doesn’t want …” and the like */
  { 412, 412, N_("the server doesn’t want what this version sends, look for an update") },
  { 415, 415, N_("the server doesn’t want what this version sends, look for an update") },
  { 426, 426, N_("the server wants another version of this program, look for an update") },
  { 300, 399, N_("the server sends us elsewhere, correct the server’s address") },
};

/* The lists of ids of the first two dialects. Their elements are ids or objects. */
static const struct
{
  const char *name;
  LampVerdictKind kind;
} lists[] = {
  { "accepted", LAMP_VERDICT_DELIVERED },
  { "accepted_event_ids", LAMP_VERDICT_DELIVERED },
  { "rejected", LAMP_VERDICT_REJECTED },
  { "rejected_events", LAMP_VERDICT_REJECTED },
};

/* The third dialect's statuses, in any case of letters; any other one is a rejection. */
static const struct
{
  const char *name;
  LampVerdictKind kind;
} statuses[] = {
  { "success", LAMP_VERDICT_DELIVERED }, { "accepted", LAMP_VERDICT_DELIVERED },
  { "warning", LAMP_VERDICT_DELIVERED }, { "duplicate", LAMP_VERDICT_DELIVERED },
  { "queued", LAMP_VERDICT_QUEUED },     { "pending", LAMP_VERDICT_QUEUED },
};

typedef struct
{
  const LampBatch *batch; /* (nullable) */
  LampOutcome *outcome;
  guint n_named;   /* verdicts that reached an event of the batch */
  guint n_unknown; /* ids that we did not send */
} Reading;

static LampOutcomeKind
kind_of_status (guint  status,
                gint64 retry_after)
{
  LampOutcomeKind kind = LAMP_OUTCOME_SERVER_ERROR;

  if (status == STATUS_SERVICE_UNAVAILABLE && retry_after > 0)
    return LAMP_OUTCOME_THROTTLED;

  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (status >= kinds[i].first && status <= kinds[i].last)
      kind = kinds[i].kind;

  return kind;
}

/* An address may carry a password or a key; messages are shown and logged. */
static char *
dup_plain_url (const char *url)
{
  g_autoptr (GUri) uri = g_uri_parse (url, G_URI_FLAGS_ENCODED, NULL);

  if (uri == NULL)
    /* TRANSLATORS: “The server answered 500: …”, instead of an address */
    return g_strdup (_("The server"));

  return g_uri_to_string_partial (uri,
                                  G_URI_HIDE_USERINFO | G_URI_HIDE_QUERY | G_URI_HIDE_FRAGMENT);
}

/* One line of valid text that isn't too long for a list. */
static char *
tidy (const char *text)
{
  GString *tidied = g_string_new (NULL);
  const char *position = text;

  for (gsize i = 0; i < WORDS_MAX_CHARACTERS && *position != '\0'; i++)
    {
      gunichar character = g_utf8_get_char (position);

      g_string_append_unichar (tidied, g_unichar_iscntrl (character) ? ' ' : character);
      position = g_utf8_next_char (position);
    }

  return g_string_free (tidied, FALSE);
}

/* A string's text; of anything else, which a person may still understand, the JSON. */
static char *
dup_words (const LampJson *value)
{
  g_autofree char *text = NULL;

  if (value->type == LAMP_JSON_STRING)
    text = lamp_json_dup_string (value);
  else if (value->type > LAMP_JSON_NULL)
    text = g_strndup (value->text, value->length);

  return text != NULL && *text != '\0' ? tidy (text) : NULL;
}

/* The first of the members that says something. */
static char *
dup_member (const LampJson    *object,
            const char *const *names,
            const char       **found)
{
  for (; *names != NULL; names++)
    {
      LampJson value;
      char *words;

      if (!lamp_json_find (object, *names, &value))
        continue;

      words = dup_words (&value);
      if (words == NULL)
        continue;

      if (found != NULL)
        *found = *names;

      return words;
    }

  return NULL;
}

/* "error" is a short name beside a message, and the message itself where it stands alone. */
static void
read_reason (const LampJson *object,
             char          **code,
             char          **message)
{
  static const char *const messages[] = { "message", "error_message", "error", NULL };
  static const char *const codes[] = { "code", "error", NULL };
  static const char *const code_only[] = { "code", NULL };
  const char *said_in = "error";

  *message = dup_member (object, messages, &said_in);
  *code = dup_member (object, strcmp (said_in, "error") == 0 ? code_only : codes, NULL);

  if (*code == NULL)
    *code = g_strdup (DEFAULT_CODE);
}

/* Of several verdicts on one event the worst counts: a failed event is seen by a person. Of
 * two that are equally bad the first with words does. */
static void
set_verdict (LampVerdict    *verdict,
             LampVerdictKind kind,
             const LampJson *entry)
{
  g_autofree char *code = NULL;
  g_autofree char *message = NULL;

  if (kind < verdict->kind || (kind == verdict->kind && verdict->message != NULL))
    return;

  if (kind == LAMP_VERDICT_REJECTED)
    read_reason (entry, &code, &message);

  if (kind == verdict->kind && message == NULL)
    return;

  verdict->kind = kind;
  g_free (verdict->code);
  verdict->code = g_steal_pointer (&code);
  g_free (verdict->message);
  verdict->message = g_steal_pointer (&message);
}

static LampVerdict *
find_verdict (Reading        *self,
              const LampJson *id)
{
  g_autofree char *event_id = lamp_json_dup_string (id);
  guint index;

  if (event_id == NULL)
    return NULL;

  if (self->batch == NULL || !lamp_batch_find (self->batch, event_id, &index))
    {
      self->n_unknown++;
      return NULL;
    }

  self->n_named++;

  return &self->outcome->verdicts[index];
}

static LampVerdict *
find_verdict_of_entry (Reading        *self,
                       const LampJson *entry)
{
  LampJson id;

  if (entry->type != LAMP_JSON_OBJECT)
    return find_verdict (self, entry);

  return lamp_json_find (entry, "event_id", &id) ? find_verdict (self, &id) : NULL;
}

static void
read_entry (Reading        *self,
            const LampJson *entry,
            LampVerdictKind kind)
{
  LampVerdict *verdict = find_verdict_of_entry (self, entry);

  if (verdict != NULL)
    set_verdict (verdict, kind, entry);
}

static void
read_list (Reading        *self,
           const LampJson *list,
           LampVerdictKind kind)
{
  LampJsonIter iter;
  LampJson entry;

  if (list->type != LAMP_JSON_ARRAY)
    return;

  lamp_json_iter_init (&iter, list);
  while (lamp_json_iter_next (&iter, NULL, &entry))
    read_entry (self, &entry, kind);
}

static LampVerdictKind
kind_of_result (const LampJson *status)
{
  g_autofree char *name = lamp_json_dup_string (status);

  for (gsize i = 0; name != NULL && i < G_N_ELEMENTS (statuses); i++)
    if (g_ascii_strcasecmp (name, statuses[i].name) == 0)
      return statuses[i].kind;

  return LAMP_VERDICT_REJECTED;
}

/* A status that we don't know is a rejection, and the person should see which it was. */
static void
explain_status (LampVerdict    *verdict,
                const LampJson *status)
{
  g_autofree char *words = NULL;

  if (verdict->message != NULL)
    return;

  words = dup_words (status);
  if (words == NULL)
    words = g_strdup ("\"\"");

  /* The words stand last: whoever blots secrets looks for a piece of one at the end. */
  if (g_ascii_strcasecmp (words, "rejected") != 0)
    verdict->message = g_strdup_printf (_("The server gave an unknown status: %s"), words);
}

static void
read_result (Reading        *self,
             const LampJson *entry)
{
  LampVerdict *verdict;
  LampVerdictKind kind;
  LampJson status;

  if (entry->type != LAMP_JSON_OBJECT || !lamp_json_find (entry, "status", &status) ||
      status.type == LAMP_JSON_NULL)
    return;

  verdict = find_verdict_of_entry (self, entry);
  if (verdict == NULL)
    return;

  kind = kind_of_result (&status);
  set_verdict (verdict, kind, entry);
  if (kind == LAMP_VERDICT_REJECTED)
    explain_status (verdict, &status);
}

static void
read_results (Reading        *self,
              const LampJson *results)
{
  LampJsonIter iter;
  LampJson entry;

  if (results->type != LAMP_JSON_ARRAY)
    return;

  lamp_json_iter_init (&iter, results);
  while (lamp_json_iter_next (&iter, NULL, &entry))
    read_result (self, &entry);
}

/* An answer may mix the dialects; each list that is there counts. It may also be 4 MiB of
 * nonsense, so it is gone through once. */
static void
read_verdicts (Reading        *self,
               const LampJson *answer)
{
  LampJson found[G_N_ELEMENTS (lists)] = { { LAMP_JSON_NONE } };
  LampJson results = { LAMP_JSON_NONE };
  LampJsonIter iter;
  LampJson name;
  LampJson value;

  lamp_json_iter_init (&iter, answer);
  while (lamp_json_iter_next (&iter, &name, &value))
    {
      for (gsize i = 0; i < G_N_ELEMENTS (lists); i++)
        if (lamp_json_string_equals (&name, lists[i].name))
          found[i] = value;

      if (lamp_json_string_equals (&name, "results"))
        results = value;
    }

  for (gsize i = 0; i < G_N_ELEMENTS (lists); i++)
    read_list (self, &found[i], lists[i].kind);
  read_results (self, &results);
}

/* What a refusal of the whole batch says of single events: one object, or several. */
static void
read_details (Reading        *self,
              const LampJson *answer)
{
  LampJson details;
  LampJson error;

  if (!lamp_json_find (answer, "details", &details) &&
      (!lamp_json_find (answer, "error", &error) || !lamp_json_find (&error, "details", &details)))
    return;

  if (details.type == LAMP_JSON_OBJECT)
    read_entry (self, &details, LAMP_VERDICT_REJECTED);
  else
    read_list (self, &details, LAMP_VERDICT_REJECTED);
}

static const char *
get_hint (const LampOutcome *outcome)
{
  for (gsize i = 0; i < G_N_ELEMENTS (status_hints); i++)
    if (outcome->status >= status_hints[i].first && outcome->status <= status_hints[i].last)
      return _(status_hints[i].hint);

  return _(hints[outcome->kind]);
}

static char *
dup_server_words (const LampJson *answer)
{
  static const char *const names[] = { "message", "error_message", "error", "detail", NULL };
  LampJson error;

  if (lamp_json_find (answer, "error", &error) && error.type == LAMP_JSON_OBJECT)
    {
      char *words = dup_member (&error, names, NULL);

      if (words != NULL)
        return words;
    }

  return dup_member (answer, names, NULL);
}

/* An event that was named without a reason gets the one that was given for all. */
static void
share_words (LampOutcome *outcome,
             const char  *words)
{
  for (guint i = 0; i < outcome->n_verdicts; i++)
    {
      LampVerdict *verdict = &outcome->verdicts[i];

      if (verdict->kind == LAMP_VERDICT_REJECTED && verdict->message == NULL)
        verdict->message = g_strdup (words);
    }
}

static void
say (LampOutcome *outcome,
     const char  *url,
     const char  *words)
{
  g_free (outcome->message);
  /* TRANSLATORS: an address, an HTTP status, and what that means */
  outcome->message = g_strdup_printf (_("%s answered %u: %s"), url, outcome->status, words);
}

static void
say_unreadable (LampOutcome *outcome,
                const char  *url,
                const char  *reason)
{
  outcome->kind = LAMP_OUTCOME_SERVER_ERROR;
  g_free (outcome->message);
  /* TRANSLATORS: an address, an HTTP status, and what is wrong with the answer */
  outcome->message = g_strdup_printf (_("%s answered %u but not with a readable answer: %s"), url,
                                      outcome->status, reason);
}

/* A page where JSON should be comes from something that stands between. */
static gboolean
is_web_page (const char *body,
             gsize       length)
{
  gsize i = 0;

  while (i < length && g_ascii_isspace (body[i]))
    i++;

  return i < length && body[i] == '<';
}

/* A batch is answered only by a JSON object that names events of it, if it has any. */
static void
read_answered (Reading               *self,
               const char            *url,
               const char            *body,
               gsize                  length,
               const LampJson        *answer,
               const LampJsonProblem *problem)
{
  g_autofree char *reason = NULL;

  if (is_web_page (body, length))
    {
      say_unreadable (self->outcome, url,
                      /* TRANSLATORS: the answer; behind “… but not with a readable answer: ” */
                      _("it is a web page; perhaps this network wants you to sign in first"));
      return;
    }

  if (problem->rule != NULL)
    {
      /* TRANSLATORS: the answer; behind “… but not with a readable answer: ” */
      reason = g_strdup_printf (_("not valid JSON at byte %zu, %s"), problem->offset,
                                problem->rule);
      say_unreadable (self->outcome, url, reason);
      return;
    }

  if (answer->type != LAMP_JSON_OBJECT)
    {
      /* TRANSLATORS: the answer; behind “… but not with a readable answer: ” */
      say_unreadable (self->outcome, url, _("it is not a JSON object"));
      return;
    }

  read_verdicts (self, answer);
  if (self->n_named == 0 && (self->batch == NULL || self->outcome->n_verdicts > 0))
    /* TRANSLATORS: the answer; behind “… but not with a readable answer: ” */
    say_unreadable (self->outcome, url, _("it names none of the events that were sent"));
}

/* The words of a server that doubts who we are are left out: they may quote the token. */
static void
read_refused (Reading        *self,
              const char     *url,
              const LampJson *answer)
{
  g_autofree char *words = NULL;

  if (self->outcome->kind == LAMP_OUTCOME_UNAUTHORIZED)
    return;

  words = dup_server_words (answer);

  if (self->outcome->kind == LAMP_OUTCOME_REFUSED)
    {
      read_details (self, answer);
      share_words (self->outcome, words);
    }

  if (words != NULL)
    say (self->outcome, url, words);
}

static void
read_body (Reading    *self,
           const char *url,
           const char *body,
           gsize       length)
{
  LampJsonProblem problem;
  LampJson answer;

  lamp_json_check (body, length, LAMP_JSON_MAX_DEPTH, &answer, &problem);

  if (self->outcome->kind == LAMP_OUTCOME_ANSWERED)
    read_answered (self, url, body, length, &answer, &problem);
  else
    read_refused (self, url, &answer);

  if (self->n_unknown > 0)
    g_debug ("%s named %u ids that were not sent", url, self->n_unknown);
}

LampOutcome *
lamp_answer_read (const LampBatch *batch,
                  const char      *url,
                  guint            status,
                  gint64           retry_after,
                  const char      *body,
                  gsize            length)
{
  g_autofree char *plain_url = NULL;
  LampOutcomeKind kind = kind_of_status (status, retry_after);
  Reading reading = { .batch = batch };

  g_return_val_if_fail (url != NULL, NULL);
  g_return_val_if_fail (body != NULL || length == 0, NULL);

  plain_url = dup_plain_url (url);
  reading.outcome = lamp_outcome_new (kind, batch != NULL ? lamp_batch_get_size (batch) : 0);
  reading.outcome->status = status;
  if (status >= 200 && status < 300 && kind != LAMP_OUTCOME_ANSWERED)
    /* TRANSLATORS: of HTTP; behind “… but not with a readable answer: ” */
    say_unreadable (reading.outcome, plain_url, _("the status must be 200 or 207"));
  else
    say (reading.outcome, plain_url, get_hint (reading.outcome));

  if (kind == LAMP_OUTCOME_THROTTLED)
    reading.outcome->retry_after = retry_after > 0
                                     ? CLAMP (retry_after, RETRY_AFTER_MIN, RETRY_AFTER_MAX)
                                     : RETRY_AFTER_DEFAULT;

  /* Whether a server is there at all, its status tells alone. */
  if (batch != NULL || status != STATUS_OK)
    read_body (&reading, plain_url, body, length);

  return reading.outcome;
}

static void
read_positive (const LampJson *object,
               const char     *name,
               gint64          max,
               gint64         *number)
{
  LampJson value;
  gint64 candidate;

  if (lamp_json_find (object, name, &value) && lamp_json_get_int (&value, &candidate) &&
      candidate > 0 && candidate <= max)
    *number = candidate;
}

void
lamp_answer_read_health (const char *body,
                         gsize       length,
                         LampLimits *limits)
{
  gint64 events = 0;
  gint64 bytes = 0;
  gint64 wait_min = 0;
  gint64 wait_max = 0;
  LampJson value;

  g_return_if_fail (body != NULL || length == 0);
  g_return_if_fail (limits != NULL);

  lamp_json_check (body, length, LAMP_JSON_MAX_DEPTH, &value, NULL);

  if (lamp_json_find (&value, "sync_ingress", &value) && lamp_json_find (&value, "limits", &value))
    {
      read_positive (&value, "max_events_per_batch", G_MAXINT, &events);
      read_positive (&value, "max_decompressed_bytes_per_batch", G_MAXSSIZE, &bytes);
      read_positive (&value, "retry_after_min_seconds", G_MAXINT, &wait_min);
      read_positive (&value, "retry_after_max_seconds", G_MAXINT, &wait_max);
    }

  *limits = (LampLimits){
    .max_events = events,
    .max_bytes = bytes,
    .retry_after_min = wait_min * G_USEC_PER_SEC,
    .retry_after_max = wait_max * G_USEC_PER_SEC,
  };
}

/* Too large a number is longer than the longest wait, whatever it is. HTTP has whole seconds
 * only, but servers that divide milliseconds exist; a fraction is rounded up. */
static gboolean
parse_seconds (const char *text,
               gint64     *wait)
{
  gint64 seconds = 0;

  if (!g_ascii_isdigit (*text))
    return FALSE;

  for (; g_ascii_isdigit (*text); text++)
    seconds = MIN (seconds * 10 + g_ascii_digit_value (*text), G_MAXINT32);

  if (text[0] == '.' && g_ascii_isdigit (text[1]))
    {
      text++;
      seconds += text[strspn (text, "0")] != '\0' ? 1 : 0;
      text += strspn (text, G_CSET_DIGITS);
    }

  *wait = seconds * G_USEC_PER_SEC;

  return *text == '\0';
}

static gboolean
parse_month (const char *text,
             int        *month)
{
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

  for (*month = 1; *month <= 12; (*month)++)
    if (strncmp (text, months + (*month - 1) * 3, 3) == 0)
      return TRUE;

  return FALSE;
}

static gboolean
matches (const char *text,
         const char *pattern)
{
  if (strlen (text) != strlen (pattern))
    return FALSE;

  for (; *pattern != '\0'; text++, pattern++)
    if (*pattern == '0' ? !g_ascii_isdigit (*text) : *pattern != '.' && *text != *pattern)
      return FALSE;

  return TRUE;
}

static int
two_digits (const char *text)
{
  return g_ascii_digit_value (text[0]) * 10 + g_ascii_digit_value (text[1]);
}

/* The one form of a date that HTTP servers may write (RFC 9110, section 5.6.7); the name of
 * the weekday adds nothing and is passed. */
static gboolean
parse_date (const char *text,
            gint64     *time)
{
  g_autoptr (GDateTime) date = NULL;
  int month;

  if (!matches (text, "..., 00 ... 0000 00:00:00 GMT") || !parse_month (text + 8, &month))
    return FALSE;

  date = g_date_time_new_utc (two_digits (text + 12) * 100 + two_digits (text + 14), month,
                              two_digits (text + 5), two_digits (text + 17), two_digits (text + 20),
                              two_digits (text + 23));
  if (date == NULL)
    return FALSE;

  *time = g_date_time_to_unix (date) * G_USEC_PER_SEC;

  return TRUE;
}

gint64
lamp_answer_read_retry_after (const char *header,
                              gint64      now)
{
  g_autofree char *text = NULL;
  gint64 time;
  gint64 wait;

  if (header == NULL)
    return 0;

  text = g_strstrip (g_strdup (header));

  if (parse_date (text, &time))
    wait = time <= now ? 0 : time - MAX (now, 0);
  else if (!parse_seconds (text, &wait))
    return 0;

  return CLAMP (wait, RETRY_AFTER_MIN, RETRY_AFTER_MAX);
}
