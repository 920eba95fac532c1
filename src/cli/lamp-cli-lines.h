/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * LAMP_CLI_LINE_MAX:
 *
 * The longest line, in bytes. Far above the longest event, so that white space is
 * no matter, but no endless line fills the memory.
 */
#define LAMP_CLI_LINE_MAX (4 * 1024 * 1024)

/**
 * LampCliLineResult:
 * @LAMP_CLI_LINE: here is a line
 * @LAMP_CLI_LINE_PAUSE: nothing has come for a while, more may
 * @LAMP_CLI_LINE_END: there are no more
 * @LAMP_CLI_LINE_ERROR: reading failed, or the line is too long
 */
typedef enum
{
  LAMP_CLI_LINE,
  LAMP_CLI_LINE_PAUSE,
  LAMP_CLI_LINE_END,
  LAMP_CLI_LINE_ERROR,
} LampCliLineResult;

/**
 * LampCliLines:
 *
 * Reads lines from a file descriptor. Unlike a stream it can tell a pause from the
 * end, so that what came before a pause needn't wait for what comes after.
 */
typedef struct _LampCliLines LampCliLines;

LampCliLines     *lamp_cli_lines_new        (int             fd);

void              lamp_cli_lines_free       (LampCliLines   *self);

/**
 * lamp_cli_lines_next:
 * @notice_pause: whether to return when nothing comes for a while
 * @line: (out) (transfer none): bytes without the line's end, NUL behind them;
 *   valid until the next call
 */
LampCliLineResult lamp_cli_lines_next       (LampCliLines   *self,
                                             gboolean        notice_pause,
                                             const char    **line,
                                             gsize          *length,
                                             GError        **error);

/**
 * lamp_cli_lines_get_number:
 *
 * Returns: the number of the last line, from 1
 */
guint64           lamp_cli_lines_get_number (LampCliLines   *self);

/**
 * lamp_cli_read_all:
 *
 * Returns: (transfer full) (nullable): all that comes from @fd, at most
 *   %LAMP_CLI_LINE_MAX bytes
 */
char             *lamp_cli_read_all         (int             fd,
                                             GError        **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampCliLines, lamp_cli_lines_free)

G_END_DECLS
