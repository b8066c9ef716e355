// Text in aligned columns, for reports on a terminal.
#pragma once

#include <string>
#include <vector>

namespace tendon {

class TextTable {
 public:
  enum class Align { kLeft, kRight };

  /// One heading a column; a column of numbers is aligned to the right.
  struct Column {
    std::string heading;
    Align align = Align::kLeft;
  };
  explicit TextTable(std::vector<Column> columns);

  /// One cell a column, UTF-8.
  void add_row(std::vector<std::string> cells);
  /// A line per row under the headings and a rule; columns are two blanks apart.
  std::string to_string() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace tendon
