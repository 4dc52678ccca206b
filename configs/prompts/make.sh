#!/bin/sh
# Makes the default prompts. Needs espeak-ng and sox (apt-get install espeak-ng sox).
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# say NAME VOICE WORDS_PER_MINUTE TEXT
say() {
    espeak-ng -v "$2" -s "$3" -w "$work/said.wav" "$4"
    sox -R "$work/said.wav" -r 8000 -c 1 -e a-law "$1.wav" \
        gain -3 highpass 200 gain -n -6 silence 1 0.02 0.5% reverse silence 1 0.02 0.5% reverse pad 0.2 0.2
}

# espeak-ng speaks Mandarin right from pinyin with tone numbers; the characters are in README.md.
say welcome cmn-latn-pinyin 170 'nin2 hao3, huan1 ying2 zhi4 dian4 shi4 min2 re4 xian4. zheng4 zai4 wei4 nin2 zhuan3 jie1, qing3 shao1 hou4.'
say queue-full cmn-latn-pinyin 170 'fei1 chang2 bao4 qian4, xian4 zai4 deng3 hou4 de5 ren2 hen3 duo1, qing3 nin2 shao1 hou4 zai4 bo1.'
say wait-limit cmn-latn-pinyin 170 'fei1 chang2 bao4 qian4, rang4 nin2 jiu3 deng3 le5. hua4 wu4 yuan2 reng2 zai4 mang2, nin2 de5 lai2 dian4 wo3 men5 yi3 jing1 deng1 ji4.'
say apology cmn-latn-pinyin 170 'fei1 chang2 bao4 qian4, tong1 hua4 zhong1 duan4 le5. nin2 pai2 zai4 di4 yi1 wei4, ma3 shang4 wei4 nin2 zhuan3 jie1.'
say welcome-en en-gb 150 'Welcome to the citizen hotline. Please hold, we are connecting you.'
say queue-full-en en-gb 150 'We are sorry. Too many callers are waiting. Please call again later.'
say wait-limit-en en-gb 150 'We are sorry to have kept you waiting. All operators are still busy. Your call has been recorded.'
say apology-en en-gb 150 'We are sorry, the connection to the operator was lost. You are first in line, please hold.'

# chord N NOTE NOTE NOTE NOTE: three seconds of broken chord
chord() {
    sox -R -n -r 8000 "$work/chord$1.wav" \
        synth 3 pluck "$2" pluck "$3" pluck "$4" pluck "$5" delay 0 0.4 0.8 1.2 remix 1,2,3,4 trim 0 3 fade 0.005 3 0.5
}

chord 1 C3 G3 C4 E4
chord 2 A2 E3 A3 C4
chord 3 F2 C3 F3 A3
chord 4 G2 D3 G3 B3
chord 5 E3 G3 B3 D4
chord 6 A2 E3 G3 C4
chord 7 D3 A3 C4 F4
chord 8 G2 F3 B3 D4
sox -R "$work"/chord[1-8].wav -e a-law music.wav lowpass 3000 gain -n -12
