# SPDX-License-Identifier: Apache-2.0
# Reads `objdump -d --no-show-raw-insn`. An innermost loop that multiplies vectors must not touch the
# stack: that would be a sum or an address that found no register. Prints every loop that does, and
# at the end how many loops there were and the most multiplications in one.
# A loop is a jump back to an instruction before it, with no other jump back in between.
function is_multiply(text) {
    return text ~ /^v(fn?m(add|sub)[0-9]*ps|dpbf16ps|pdpbusds?|pdpwssds?|pmaddwd|pmaddubsw) /
}

# The end of a loop may be compared with a number in memory.
function on_stack(text) {
    return text !~ /^cmp/ && (text ~ /\(%rsp/ || (framed && text ~ /\(%rbp/))
}

function check_loop(first, last,    i, many, bad) {
    many = 0
    bad = ""
    for (i = first; i <= last; i++) {
        if (i < last && back[i]) return
        if (is_multiply(text[i])) many++
        if (on_stack(text[i])) bad = text[i]
    }
    if (many == 0) return
    loops++
    if (many > most) most = many
    if (bad != "") {
        print "loop of '" name "' uses the stack: " bad
        spilled++
    }
}

function end_function(    i, target) {
    for (i = 1; i <= count; i++) {
        back[i] = 0
        if (split(text[i], word, " ") >= 2 && word[1] ~ /^j/ && word[2] in number &&
            number[word[2]] <= i) back[i] = number[word[2]]
    }
    for (i = 1; i <= count; i++) if (back[i]) check_loop(back[i], i)
    split("", number)
    count = 0
    framed = 0
}

/^[0-9a-f]+ <.*>:$/ {
    end_function()
    name = $2
    gsub(/[<>:]/, "", name)
    next
}
/^ *[0-9a-f]+:\t/ {
    address = $1
    sub(/:$/, "", address)
    count++
    number[address] = count
    text[count] = $0
    sub(/^ *[0-9a-f]+:[ \t]*/, "", text[count])
    gsub(/[ \t]+/, " ", text[count])
    if (text[count] == "mov %rsp,%rbp") framed = 1
}
END {
    end_function()
    print loops + 0 " loops, at most " most + 0 " multiplications, " spilled + 0 " use the stack"
    exit spilled > 0 ? 1 : 0
}
