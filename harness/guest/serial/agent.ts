/**
 * The guest's end of the serial transport: a loop of a plain `sh` on the terminal that takes one line at a time and runs it
 * only where its checksum is right. The harness's first lines teach it a few functions. What a command says waits in files below
 * /run until the harness has all of it, and goes over the line in pieces with a number and a checksum each, so that the kernel's
 * messages, which may fall into the middle of any line, cost another question and nothing else. Programs: those of coreutils. Pure.
 */
import { cksum } from "./cksum.ts";

/** Programs without which nothing can be carried. */
const programs = "stty base64 cksum split paste head tail cut cat timeout mkdir rm mv";

/** Bytes of a command's output in one line; as many characters of base64 as `lineCharacters`. */
export const pieceBytes = 384;
const lineCharacters = (pieceBytes / 3) * 4;
/** Lines that come unasked when a command has ended. */
export const linesAtOnce = 64;
/** Lines that one question may be for. */
export const linesAsked = 256;
/** Characters of a request beside its data; a line of a terminal is at most 4095 (termios(3), canonical mode). */
export const maxDataCharacters = 1536;

/** What the shell says once its echo is off and it listens, whatever its terminal echoed before. */
export const readyWord = (nonce: string): string => `${nonce}-42`;
/** What it says of a program that the guest does not have. */
export const lacksWord = (nonce: string): string => `${nonce}-lacks `;

/**
 * The line that is typed at a shell: any login shell takes it. Damage to it is told by silence, since it is not run then or
 * answers nothing. It is typed once; all lines after it are checked before they are run.
 */
export const loaderLine = (nonce: string): string =>
  ` exec /bin/sh -c '${[
    "stty -echo -ixon",
    `n=${nonce}`,
    "PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin",
    `for p in ${programs}`,
    "do command -v $p >/dev/null 2>&1||echo $n-lacks $p",
    "done",
    "echo $n-$((6*7))",
    `while IFS=" " read -r k c b`,
    `do case "$k $(printf %s "$b"|cksum)" in "$n $c "*)eval "$b"`,
    ";;*)echo $n n = n",
    "esac",
    "done",
  ]
    .join(";")
    .replaceAll(";;;", ";;")}'`;

/** One request as it is typed: what stood on the line before is killed, and the end of the line starts it. */
export const requestLine = (nonce: string, request: string): string =>
  `\x15${nonce} ${cksum(Buffer.from(request))} ${request}\n`;

/** Checksum and length of a stream on which nothing was said, as cksum(1) tells them. */
const nothing = `${cksum(Buffer.of())} 0`;

/**
 * What the loop is taught, one line each. Every answer says its words twice, which shows damage without a program. `d` is where all
 * lies, `q` the last piece of input that was taken, `id` the command that pieces are for, `r` the command that was started, `j` what waits
 * for its end. `timeout 0` of coreutils is only there to give the command a process group of its own (timeout(1)), by which it is ended:
 * as often as it takes, since a command that just begins has no group yet, and `kill -- -0` would be the shell's own end. One that never came is ended too.
 */
export const lessons: readonly string[] = [
  `d=/run/bootgate-serial.$n;umask 77;mkdir -p $d 2>/dev/null||{ d=/tmp/bootgate-serial.$n;mkdir -p $d;};trap "rm -rf $d;exit" HUP INT TERM;q=0;id=0;r=0;o(){ printf "%s %s = %s\\n" $n "$*" "$*";}`,
  `prep(){ [ "$1" = $id ]||{ rm -rf $d/*;q=0;id=$1;};o p $1;}`,
  `put(){ if [ $1 = $((q+1)) ];then printf %s "$3">>$d/$2||{ o f;return;};q=$1;fi;o a $1;}`,
  `out(){ [ ! -s $d/j$1 ]||{ k=$2;tail -n +$2 $d/j$1|head -n $3|while IFS=" " read -r c b;do printf "%s l %s %s %s %s %s\\n" $n $1 $k $c $b $k;k=$((k+1));done;};}`,
  `get(){ out $1 $2 $3;o g $1 $2 $3;}`,
  `fin(){ cd $d||return;for s in 1 2;do rm -f j$s;[ ! -s $s ]||{ split -b ${pieceBytes} -a 4 $s p$s.;cksum p$s.*|cut -d " " -f 1 >c$s;base64 -w ${lineCharacters} <$s >b$s;paste -d " " c$s b$s >j$s;rm -f p$s.* b$s c$s;};done;echo e $1 $2 $(cksum <1) $(cksum <2)>t;mv t e;}`,
  `job(){ exec </dev/null;: >$d/1;: >$d/2;{ { { (cd 2>/dev/null;exec /bin/sh -c "echo \\$\\$ >$d/pid;exec timeout 0 /bin/sh $d/cmd <$d/in" 4>&-);echo $?>$d/rc;} 2>&4|head -c $2 >$d/1;} 4>&1|head -c $2 >$d/2;};read -r c <$d/rc;fin $1 $c;end;}`,
  `end(){ read -r e <$d/e;o $e;out 1 1 ${linesAtOnce};out 2 1 ${linesAtOnce};}`,
  `run(){ if [ $1 != $r ];then r=$1;base64 -d <$d/c >$d/cmd;: >>$d/i;base64 -d <$d/i >$d/in;job $1 $2 2>/dev/null & j=$!;fi;o r $1;}`,
  `now(){ [ "$1" = $id ]||{ rm -rf $d/*;q=0;id=$1;printf %s "$3">$d/c;};run $1 $2;}`,
  `st(){ if [ -s $d/e ];then read -r e <$d/e;o $e;else o w $1;fi;}`,
  `kl(){ [ "$r" = $1 ]||{ o e $1 137 ${nothing} ${nothing};return;};k=0;while [ ! -s $d/e ]&&[ $k -lt 20 ];do p=;[ ! -s $d/pid ]||read -r p <$d/pid;[ -z "$p" ]||kill -s KILL -- -$p 2>/dev/null;k=$((k+1));sleep .1;done;[ -s $d/e ]||{ kill -s KILL $j 2>/dev/null;fin $1 137;};st $1;}`,
];
