/* The "(hv)" line at the escape key: edited with Backspace and Ctrl-U; an empty line or Ctrl-D closes it. */
#include "monitor/monitor.h"

enum { BACKSPACE = 8, CTRL_C = 3, CTRL_D = 4, CTRL_U = 21, ESC = 27, ESCAPE_KEY = 29, DELETE = 127, WIDTH = 70 };

static char line[WIDTH + 1];                 /* written by the hart that takes the UART's interrupt alone */
static u32 length;
static bool is_open, after_return;
static enum { PLAIN, AFTER_ESC, IN_SEQUENCE } sequence;

static void show(void)
{
    char text[WIDTH + 8];

    line[length] = 0;
    format(text, sizeof(text), "(hv) %s", line);
    console_prompt(is_open ? text : "");
}

void monitor_to_terminal(const struct asker *a, const char *text)
{
    (void)a;
    hv_log("%s", text);
}

bool prompt_is_open(void) { return is_open; }

void prompt_open(void)
{
    is_open = true;
    length = 0;
    sequence = PLAIN;
    show();
}

static void close(void)
{
    is_open = false;
    show();
}

static void enter(void)
{
    static const struct asker terminal = {monitor_to_terminal, 0};

    if (!length) {
        close();
        return;
    }
    line[length] = 0;
    length = 0;
    console_prompt("");
    hv_log("(hv) %s", line);
    monitor_execute(&terminal, line);
    show();
}

/* Arrow keys and the like are sequences ESC [ ... final (ECMA-48, 5.4); none has a meaning here. */
static bool in_sequence(char c)
{
    if (sequence == PLAIN && c != ESC)
        return false;
    if (c == ESC)
        sequence = AFTER_ESC;
    else if (sequence == AFTER_ESC)
        sequence = c == '[' || c == 'O' ? IN_SEQUENCE : PLAIN;
    else if (c >= '@')
        sequence = PLAIN;
    return true;
}

void prompt_input(char c)
{
    bool second_half = after_return && c == '\n';

    after_return = c == '\r';
    if (second_half || in_sequence(c))
        return;
    if (c == '\r' || c == '\n') {
        enter();
        return;
    }
    if (c == ESCAPE_KEY || (c == CTRL_D && !length)) {
        close();
        return;
    }
    if ((c == BACKSPACE || c == DELETE) && length)
        length--;
    else if (c == CTRL_U || c == CTRL_C)
        length = 0;
    else if (c >= ' ' && c < DELETE && length < WIDTH)
        line[length++] = c;
    show();
}
