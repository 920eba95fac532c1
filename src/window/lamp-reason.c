/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-reason.h"

#include <glib/gi18n.h>

/* The first is for all the codes that are not here. */
static const struct
{
  const char *code;
  const char *title;
  const char *advice;
} reasons[] = {
  { "rejected", N_("The server refused it"),
    N_("Read the server’s words below. Once the cause is mended on the server, resend the event; "
       "if it isn’t needed any more, discard it.") },
  { "invalid_event", N_("The server finds it malformed"),
    N_("A field of the event breaks a rule of the server. Resending helps only after the server "
       "has learned to take it; otherwise emit the event again as it should be, and discard this "
       "one.") },
  { "oversized", N_("It is too large"),
    N_("The event is larger than a batch may be. Raise the size of a batch in the preferences or "
       "the limit of the server, then resend it; or emit it again with less in it.") },
  { "undeliverable", N_("The server stumbles over it"),
    N_("Other events get through, but this one makes the server fail each time. Tell those who "
       "look after the server, with a report, and resend it when it is mended.") },
  { "corrupt", N_("It can’t be read"),
    N_("What is stored isn’t an event that could be sent. The tool that wrote it has to emit it "
       "again; then discard this one.") },
  { "exhausted", N_("Its tries are used up"),
    N_("It was sent as often as the preferences allow, and the server never took it. Resend the "
       "event when the server is well.") },
};

LampReason
lamp_reason_for_code (const char *code)
{
  gsize found = 0;

  g_return_val_if_fail (code != NULL, ((LampReason){ "", "" }));

  for (gsize i = 0; i < G_N_ELEMENTS (reasons); i++)
    if (g_str_equal (reasons[i].code, code))
      found = i;

  return (LampReason){ _(reasons[found].title), _(reasons[found].advice) };
}
