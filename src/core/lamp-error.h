/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * LAMP_ERROR:
 *
 * The one error domain of this program. Its messages are for people: they name
 * the field or the file, the rule or the cause, and what to do next; they never
 * hold a token. On D-Bus the codes are io.github.lamppost.Lamppost.Error.*
 * (section 7 of the specification).
 */
#define LAMP_ERROR (lamp_error_quark ())

/**
 * LampError:
 * @LAMP_ERROR_INVALID_EVENT: an event breaks a rule of the envelope
 * @LAMP_ERROR_QUEUE_FULL: the queue holds as many undelivered events as it may
 * @LAMP_ERROR_STORAGE: the queue's file can't be opened, read or written
 * @LAMP_ERROR_NOT_FOUND: there is no such event, or no such file to import
 * @LAMP_ERROR_UNCONFIGURED: there is no server to send to
 * @LAMP_ERROR_PAUSED: replay is paused
 * @LAMP_ERROR_INVALID_ARGS: a filter, limit or cursor is wrong
 */
typedef enum
{
  LAMP_ERROR_INVALID_EVENT,
  LAMP_ERROR_QUEUE_FULL,
  LAMP_ERROR_STORAGE,
  LAMP_ERROR_NOT_FOUND,
  LAMP_ERROR_UNCONFIGURED,
  LAMP_ERROR_PAUSED,
  LAMP_ERROR_INVALID_ARGS,
} LampError;

GQuark lamp_error_quark (void);

G_END_DECLS
