# A shell for a person.
cat /help
ENV=/rc.sh setsid cttyhack sh
